-- Advances a group's progress in a segment, and gives back the memory of what
-- every group has passed.
-- KEYS: segments, leases, progress, groups, segment list
-- ARGV: group, worker, sequence, entries done
-- Returns 1, or 0 when the lease is another worker's by now: then nothing changed.
local group, seq = ARGV[1], ARGV[3]
local done = tonumber(ARGV[4])
local field = group .. '|' .. seq
local owner = string.match(redis.call('HGET', KEYS[2], field) or '', '^(%S+) ')
local description = redis.call('ZRANGEBYSCORE', KEYS[1], seq, seq)[1]
if owner ~= ARGV[2] or not description then
  return 0
end
-- See claim.lua: a first write that passes when memory is full.
redis.call('PERSIST', KEYS[5])
local count = tonumber(string.match(description, '^%S+ (%d+)'))
-- Never backwards, in whatever order acknowledgements come.
done = math.max(done, tonumber(redis.call('HGET', KEYS[3], field) or '0'))
redis.call('HSET', KEYS[3], field, done)
if done >= count then
  redis.call('HDEL', KEYS[2], field)
end
local groups = redis.call('ZRANGE', KEYS[4], 0, -1)
local passed = done
for _, other in ipairs(groups) do
  passed = math.min(passed, tonumber(redis.call('HGET', KEYS[3], other .. '|' .. seq) or '0'))
end
if passed >= count then
  redis.call('UNLINK', KEYS[5])
  redis.call('ZREM', KEYS[1], description)
  for _, other in ipairs(groups) do
    redis.call('HDEL', KEYS[3], other .. '|' .. seq)
    redis.call('HDEL', KEYS[2], other .. '|' .. seq)
  end
else
  local given = count - redis.call('LLEN', KEYS[5])
  if passed > given then
    redis.call('LTRIM', KEYS[5], passed - given, -1)
  end
end
return 1
