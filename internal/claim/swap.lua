-- Puts a rewritten copy in a segment's place. Both are aligned at their tails:
-- what was acknowledged while the copy was made leaves the copy's head now.
-- KEYS: segment list, copy, marks
-- ARGV: sequence, mark
-- Returns 1, or 0 when the segment is gone or has become longer than the copy:
-- then it is left alone.
local kept, copied = redis.call('LLEN', KEYS[1]), redis.call('LLEN', KEYS[2])
unlock(KEYS[1])
if kept == 0 or copied < kept then
  redis.call('UNLINK', KEYS[2])
  return 0
end
redis.call('LTRIM', KEYS[2], copied - kept, -1)
redis.call('RENAME', KEYS[2], KEYS[1])
-- The copy expired by itself, in case its maker died; a segment never does.
redis.call('PERSIST', KEYS[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
return 1
