-- Tells everything about a source.
-- KEYS: source list, segments, leases, progress, groups, receipts, dead letters
-- ARGV: segment key prefix
-- Returns {now in ms, entries not yet claimed, TTL of the list in s, {description,
-- sequence, entries in Redis}..., then groups, leases, progress and receipts as
-- flat lists, number of dead letters}.
local segments = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
local rows = {}
for i = 1, #segments, 2 do
  rows[#rows + 1] = { segments[i], segments[i + 1], redis.call('LLEN', ARGV[1] .. segments[i + 1]) }
end
return {
  clock(), redis.call('LLEN', KEYS[1]), redis.call('TTL', KEYS[1]), rows,
  redis.call('ZRANGE', KEYS[5], 0, -1, 'WITHSCORES'), redis.call('HGETALL', KEYS[3]),
  redis.call('HGETALL', KEYS[4]), redis.call('HGETALL', KEYS[6]), redis.call('HLEN', KEYS[7]),
}
