-- Appends entries to a list, each once: those whose indices in their segment are marked were
-- appended before. Marks of old segments are dropped, as long as enough newer ones are there.
-- KEYS: list, segments that have marks, segments of the list itself
-- ARGV: prefix of marks, segment id, expiry of a list without one in s or 0, most entries of a list,
-- ms for which marks are kept at least, segments whose marks are kept at least, ms for which keys
-- are kept that nothing comes to, number of runs, then for each run of indices: the first, how many;
-- then the entries
-- Returns {entries appended, 1 where the list had no room, 1 where the segment was claimed from this
-- very list}. In the last two cases nothing was changed.
local list, marked, segments = unpack(KEYS)
local prefix, segment, expiry, most, keep, least, idle, runs = unpack(ARGV)
local first = 9 + 2 * runs -- of the entries
local marks = prefix .. segment
expiry = tonumber(expiry)

local seq = string.match(segment, '^[^.]+%.(%d+)%.')
if seq then
  local claimed = redis.call('ZRANGEBYSCORE', segments, seq, seq)[1]
  if claimed and string.sub(claimed, 1, #segment + 1) == segment .. ' ' then
    return { 0, 0, 1 }
  end
end

-- The runs of those that are new, and these. One may be in a call twice: a dead letter that is
-- replayed while what it was in is delivered again.
local known = redis.call('STRLEN', marks) * 8
local fresh, entries, at, seen = {}, {}, first, {}
for i = 9, first - 1, 2 do
  local from, to = tonumber(ARGV[i]), ARGV[i] + ARGV[i + 1] - 1
  for index = from, to do
    if not seen[index] and (index >= known or redis.call('GETBIT', marks, index) == 0) then
      seen[index] = true
      entries[#entries + 1] = ARGV[at]
      local last = fresh[#fresh]
      if last and last[2] == index - 1 then
        last[2] = index
      else
        fresh[#fresh + 1] = { index, index }
      end
    end
    at = at + 1
  end
end
local length = redis.call('LLEN', list)
if #entries > 0 and length > 0 and length + #entries > tonumber(most) then
  return { 0, 1, 0 }
end

-- Also where all were appended before, so that there is something to ask replicas for. Each command
-- that is needed below is called once up to here, in a way that changes nothing: where the user lacks
-- the right to one, Redis ends the script, and takes nothing back of what is done by then.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if #entries > 0 then
  redis.call('SETBIT', marks, fresh[#fresh][2], 0)
  redis.call('SETRANGE', marks, 0, '')
  redis.call('PEXPIRE', marks, idle)
else
  -- A first write that Redis takes even when its memory is full, so that it takes the next: what is
  -- known has room, and its acknowledgement may be what frees memory.
  redis.call('PEXPIRE', marked, idle)
end
redis.call('ZADD', marked, now, segment)
redis.call('PEXPIRE', marked, idle)
local surplus = redis.call('ZCARD', marked) - least
if surplus > 0 then
  local oldest = redis.call('ZRANGE', marked, 0, math.min(surplus, 10) - 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    if tonumber(oldest[i + 1]) < now - keep then
      redis.call('UNLINK', prefix .. oldest[i])
      redis.call('ZREM', marked, oldest[i])
    end
  end
end
if #entries == 0 then
  return { 0, 0, 0 }
end
local expires = expiry == 0 or redis.call('TTL', list) >= 0 or redis.call('EXPIRE', list, expiry) == 1

redis.call('RPUSH', list, unpack(entries))
if not expires then
  redis.call('EXPIRE', list, expiry)
end
for _, run in ipairs(fresh) do
  local index, last = run[1], run[2]
  while index <= last do
    local bytes = math.floor((last + 1 - index) / 8)
    if index % 8 == 0 and bytes > 0 then
      redis.call('SETRANGE', marks, index / 8, string.rep('\255', bytes))
      index = index + 8 * bytes
    else
      redis.call('SETBIT', marks, index, 1)
      index = index + 1
    end
  end
end
return { #entries, 0, 0 }
