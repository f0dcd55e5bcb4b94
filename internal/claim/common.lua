-- Shared by the scripts below, each of which is sent with this in front.

-- What receipts count for each group.
local receipt_names = { 'before', 'acked', 'dead', 'lost', 'gone', 'replayed', 'dropped' }

-- Redis' own clock, in ms.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Makes a first write that Redis takes even when its memory is full: it lets the
-- rest of the script through, and these scripts are what frees memory.
local function unlock(key)
  redis.call('PERSIST', key)
end

-- Gives back the memory of what every group has passed in a segment, and the
-- segment itself once that is all of it.
local function give_back(segments, leases, progress, groups, list, seq, description, marks)
  local count = tonumber(string.match(description, '^%S+ (%d+)'))
  local all = redis.call('ZRANGE', groups, 0, -1)
  if #all == 0 then
    return
  end
  local passed = count
  for _, group in ipairs(all) do
    passed = math.min(passed, tonumber(redis.call('HGET', progress, group .. '|' .. seq) or '0'))
  end
  if passed >= count then
    redis.call('UNLINK', list)
    redis.call('ZREM', segments, description)
    redis.call('HDEL', marks, seq)
    for _, group in ipairs(all) do
      redis.call('HDEL', progress, group .. '|' .. seq)
      redis.call('HDEL', leases, group .. '|' .. seq)
    end
    return
  end
  local given = count - redis.call('LLEN', list)
  if passed > given then
    redis.call('LTRIM', list, passed - given, -1)
  end
end
