-- Keeps entries as dead letters. One that is there already is left alone, so
-- that a redelivered chunk buries nothing twice.
-- KEYS: dead letters, their order
-- ARGV: most letters to keep, then for each letter: uid, body
-- Returns {new letters, oldest letters dropped to stay within the limit}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- See claim.lua: a first write that passes when memory is full.
redis.call('PERSIST', KEYS[1])
local new = 0
for i = 2, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('ZADD', KEYS[2], now, ARGV[i])
    new = new + 1
  end
end
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
if over <= 0 then
  return { new, 0 }
end
for _, uid in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
  redis.call('HDEL', KEYS[1], uid)
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
return { new, over }
