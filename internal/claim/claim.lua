-- Moves a source list, as it is, into a new segment that nothing expires.
-- KEYS: source list, sequence, segments, receipts
-- ARGV: segment key prefix, source hash, random part, fewest entries, chunk records, chunk bytes
-- Returns the number of entries moved, 0 when there were too few.
local entries = redis.call('LLEN', KEYS[1])
if entries == 0 or entries < tonumber(ARGV[4]) then
  return 0
end
unlock(KEYS[1])
local seq
repeat
  seq = redis.call('INCR', KEYS[2])
until redis.call('RENAMENX', KEYS[1], ARGV[1] .. seq) == 1
local id = ARGV[2] .. '.' .. seq .. '.' .. ARGV[3]
redis.call('ZADD', KEYS[3], seq, table.concat({ id, entries, ARGV[5], ARGV[6], clock() }, ' '))
redis.call('HINCRBY', KEYS[4], 'claimed', entries)
return entries
