-- Notes that a worker lives, and its group, and forgets the workers that do not.
-- KEYS: groups by when they no longer count, workers
-- ARGV: group, worker, lease in ms, fingerprint of its destinations, ms after which the
-- group no longer counts, 0 for never
-- Returns now in ms, and the workers that live as a flat list.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[1], ARGV[5] == '0' and '+inf' or now + ARGV[5], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('HSET', KEYS[2], ARGV[1] .. '|' .. ARGV[2], now + ARGV[3] .. ' ' .. ARGV[4])
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if tonumber(string.match(all[i + 1], '^%d+')) < now then
    redis.call('HDEL', KEYS[2], all[i])
  end
end
return { now, redis.call('HGETALL', KEYS[2]) }
