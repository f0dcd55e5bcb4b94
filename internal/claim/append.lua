-- Adds a page to a copy of a segment, once: a repetition of it, or a page after
-- one that a failover lost, finds the copy to have another length.
-- KEYS: copy, lock
-- ARGV: length of the copy so far, how long both last in ms, what the lock holds, entries
-- Returns 1, or 0 when the copy is neither that long nor has the page at its end,
-- or when the lock has become another worker's.
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 0
end
local length, page = tonumber(ARGV[1]), #ARGV - 3
local found = redis.call('LLEN', KEYS[1])
if found == length then
  redis.call('RPUSH', KEYS[1], unpack(ARGV, 4))
elseif found ~= length + page then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
