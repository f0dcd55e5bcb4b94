-- Gives up a copy of a segment, and the lock if it is still this worker's.
-- KEYS: copy, lock
-- ARGV: what the lock holds
redis.call('UNLINK', KEYS[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('UNLINK', KEYS[2])
end
return 1
