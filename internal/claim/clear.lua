-- Removes everything of a source that only one group reads, for when that group
-- is gone. The sequence stays, so that no number is ever used again.
-- KEYS: source list, segments, leases, progress, groups, receipts, marks
-- ARGV: segment key prefix
-- Returns the number of entries given up.
local given_up = redis.call('LLEN', KEYS[1])
local segments = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 2, #segments, 2 do
  local list = ARGV[1] .. segments[i]
  given_up = given_up + redis.call('LLEN', list)
  redis.call('UNLINK', list)
end
redis.call('UNLINK', unpack(KEYS))
return given_up
