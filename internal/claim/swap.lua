-- Puts a rewritten copy in a segment's place, and gives back the lock. Both are
-- aligned at their tails: what was acknowledged while the copy was made leaves the
-- copy's head now.
-- KEYS: segment list, copy, marks, lock
-- ARGV: sequence, mark that was measured, mark, what the lock holds
-- Returns 1, also when all of that is done already, or the segment is gone or has
-- become longer than the copy: then it is left alone. Returns 0 when another
-- worker holds the lock, or has left another mark than was measured.
if redis.call('GET', KEYS[4]) ~= ARGV[4] then
  local left = redis.call('UNLINK', KEYS[2])
  return left == 0 and redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[3] and 1 or 0
end
-- Redis takes this write even when its memory is full, and then lets the rest through.
redis.call('UNLINK', KEYS[4])
if (redis.call('HGET', KEYS[3], ARGV[1]) or '0') ~= ARGV[2] then
  redis.call('UNLINK', KEYS[2])
  return 0
end
local kept, copied = redis.call('LLEN', KEYS[1]), redis.call('LLEN', KEYS[2])
if kept == 0 or copied < kept then
  redis.call('UNLINK', KEYS[2])
  return 1
end
redis.call('LTRIM', KEYS[2], copied - kept, -1)
redis.call('RENAME', KEYS[2], KEYS[1])
-- The copy expired by itself, in case its maker died; a segment never does.
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
return 1
