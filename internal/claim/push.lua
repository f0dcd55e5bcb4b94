-- Appends entries to a list, each once: those whose indices in their segment are marked were
-- appended before. Marks of old segments are dropped, as long as enough newer ones are there.
-- KEYS: list, segments that have marks, segments of the list itself
-- ARGV: prefix of marks, segment id, expiry of a list without one in s or 0, most entries of a list,
-- ms for which marks are kept at least, segments whose marks are kept at least, ms for which keys
-- are kept that nothing comes to, then for each entry: index, bytes
-- Returns {entries appended, 1 where the list had no room, 1 where the segment was claimed from this
-- very list}. In the last two cases nothing was changed.
local list, marked, segments = unpack(KEYS)
local prefix, segment, expiry, most, keep, least, idle = unpack(ARGV)
local first = 8
local marks = prefix .. segment
expiry = tonumber(expiry)

local seq = string.match(segment, '^[^.]+%.(%d+)%.')
if seq then
  local claimed = redis.call('ZRANGEBYSCORE', segments, seq, seq)[1]
  if claimed and string.sub(claimed, 1, #segment + 1) == segment .. ' ' then
    return { 0, 0, 1 }
  end
end

local known = redis.call('STRLEN', marks) * 8
local indices, entries = {}, {}
for i = first, #ARGV, 2 do
  local index = tonumber(ARGV[i])
  if index >= known or redis.call('GETBIT', marks, index) == 0 then
    indices[#indices + 1], entries[#entries + 1] = index, ARGV[i + 1]
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
  redis.call('SETBIT', marks, indices[#indices], 0)
  redis.call('PEXPIRE', marks, idle)
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
for _, index in ipairs(indices) do
  redis.call('SETBIT', marks, index, 1)
end
return { #entries, 0, 0 }
