-- Removes a source that only one group reads, for when that group is gone, one batch
-- of segments a call. The sequence stays, so that no number is ever used again.
-- ARGV: prefix
-- Returns 1 while there is more to do.
trying = true
ready()
local found = redis.call('ZRANGE', segments, 0, batch - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local _, key = read(found[i], found[i + 1])
  redis.call('UNLINK', key)
  redis.call('ZREM', segments, found[i])
end
if #found == 2 * batch then
  return 1
end
redis.call('UNLINK', list, segments, leases, progress, groups, waiting, leaving, receipts)
return 0
