-- Moves a source list, as it is, into a new segment that nothing expires.
-- KEYS: source list, sequence, segments
-- ARGV: segment key prefix, source hash, random part, fewest entries, chunk records, chunk bytes
-- Returns the number of entries moved, 0 when there were too few.
local entries = redis.call('LLEN', KEYS[1])
if entries == 0 or entries < tonumber(ARGV[4]) then
  return 0
end
-- The first write must be one that Redis takes even when its memory is full:
-- it lets the rest of the script through, and claiming is what frees memory.
redis.call('PERSIST', KEYS[1])
local seq
repeat
  seq = redis.call('INCR', KEYS[2])
until redis.call('RENAMENX', KEYS[1], ARGV[1] .. seq) == 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id = ARGV[2] .. '.' .. seq .. '.' .. ARGV[3]
redis.call('ZADD', KEYS[3], seq, table.concat({ id, entries, ARGV[5], ARGV[6], now }, ' '))
return entries
