-- Moves a source list, as it is, into a new segment that nothing expires.
-- KEYS: source list, sequence, segments, receipts
-- ARGV: segment key prefix, source hash, random part, fewest entries, chunk records, chunk bytes
-- Returns the number of entries moved, 0 when there were too few.
local entries = redis.call('LLEN', KEYS[1])
if entries == 0 or entries < tonumber(ARGV[4]) then
  return 0
end
unlock(KEYS[1])
-- A sequence that follows the clock never gives a number again, also when Redis
-- comes back empty or in an older state: what a worker still has to say about a
-- lost segment must not hit a new one.
local now = clock()
local seq = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now)
while redis.call('RENAMENX', KEYS[1], ARGV[1] .. seq) == 0 do
  seq = seq + 1
end
redis.call('SET', KEYS[2], seq)
local id = ARGV[2] .. '.' .. seq .. '.' .. ARGV[3]
redis.call('ZADD', KEYS[3], seq, table.concat({ id, entries, ARGV[5], ARGV[6], now }, ' '))
redis.call('HINCRBY', KEYS[4], 'claimed', entries)
return entries
