-- Keeps entries as dead letters. One that is there already is left alone, so
-- that a redelivered chunk buries nothing twice.
-- KEYS: dead letters, their order, receipts
-- ARGV: group, most letters to keep, then for each letter: uid, body
-- Returns {new letters, oldest letters dropped to stay within the limit}.
local group = ARGV[1]
local now = clock()
unlock(KEYS[1])
local new = 0
for i = 3, #ARGV, 2 do
  local field = group .. '|' .. ARGV[i]
  if redis.call('HSETNX', KEYS[1], field, ARGV[i + 1]) == 1 then
    redis.call('ZADD', KEYS[2], now, field)
    new = new + 1
  end
end
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[2])
if over <= 0 then
  return { new, 0 }
end
for _, field in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
  redis.call('HDEL', KEYS[1], field)
  redis.call('HINCRBY', KEYS[3], string.match(field, '^[^|]+') .. '|dropped', 1)
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
return { new, over }
