-- Notes that a worker lives, and its group, and forgets the workers that do not.
-- KEYS: groups by when they no longer count, workers
-- ARGV: group, worker, lease in ms, fingerprint of its destinations, ms after which the
-- group no longer counts, 0 for never
-- Returns 1 if the worker was known.
local groups, workers = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local latest = tonumber(redis.call('HGET', workers, '') or now)
redis.call('PERSIST', groups)
if latest < now - 2 * ARGV[3] then
  -- Everything was off, and that time counts against nobody.
  local all = redis.call('ZRANGE', groups, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    if all[i + 1] ~= 'inf' then
      redis.call('ZADD', groups, all[i + 1] + now - latest, all[i])
    end
  end
end
redis.call('ZADD', groups, ARGV[5] == '0' and '+inf' or now + ARGV[5], ARGV[1])
redis.call('ZREMRANGEBYSCORE', groups, '-inf', now)
local known = redis.call('HEXISTS', workers, ARGV[1] .. '|' .. ARGV[2])
redis.call('HSET', workers, ARGV[1] .. '|' .. ARGV[2], now + ARGV[3] .. ' ' .. ARGV[4], '', now)
local all = redis.call('HGETALL', workers)
for i = 1, #all, 2 do
  if all[i] ~= '' and tonumber(string.match(all[i + 1], '^%d+')) < now then
    redis.call('HDEL', workers, all[i])
  end
end
return known
