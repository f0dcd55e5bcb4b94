-- Keeps entries as dead letters. One that is there already is left alone, so that a
-- redelivered chunk keeps nothing twice. At the limit the oldest of other causes
-- make room, if that is enough; those of the same cause do not.
-- ARGV: prefix, group, most letters, most bytes, then for each letter: identity, cause, body
-- Returns {new letters, letters dropped to make room, 1 where there was none left}.
ready({ 'HSTRLEN', dead, '' }, { 'INCRBY', size, '-' }, { 'DECRBY', size, '-' })
local now = clock()
local most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
unlock(dead)
local new, dropped = 0, 0

-- Makes room for a letter, unless its own cause has so many that others would go in vain.
local function room(cause, body)
  local letters, bytes = redis.call('ZCARD', order), tonumber(redis.call('GET', size) or '0')
  local function full()
    return letters > 0 and (letters >= most or bytes + #body > most_bytes)
  end
  local going, others = {}, true
  if full() then
    for _, oldest in ipairs(redis.call('ZRANGE', order, 0, batch - 1)) do
      if redis.call('HGET', causes, oldest) == cause then
        others = false
      elseif full() then
        letters, bytes = letters - 1, bytes - redis.call('HSTRLEN', dead, oldest)
        going[#going + 1] = oldest
      end
    end
  end
  if full() and not others then
    return false
  end
  for _, oldest in ipairs(going) do
    redis.call('DECRBY', size, redis.call('HSTRLEN', dead, oldest))
    redis.call('HDEL', dead, oldest)
    redis.call('HDEL', causes, oldest)
    redis.call('ZREM', order, oldest)
    redis.call('HINCRBY', receipts, string.match(oldest, '^[^|]+') .. '|dropped', 1)
  end
  dropped = dropped + #going
  return not full()
end

for i = 5, #ARGV, 3 do
  local field, cause, body = group .. '|' .. ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('HEXISTS', dead, field) == 0 then
    if not room(cause, body) then
      return { new, dropped, 1 }
    end
    redis.call('HSET', dead, field, body)
    redis.call('HSET', causes, field, cause)
    redis.call('ZADD', order, now, field)
    redis.call('INCRBY', size, #body)
    new = new + 1
  end
end
return { new, dropped, 0 }
