-- Sets a group's progress in a segment, and gives back the memory of what every
-- group is done with.
-- ARGV: prefix, group, worker, sequence, segment id, entries done, and of these
-- delivered, dead letters, lost, shed
-- Returns 1, or 0 when the lease is another worker's by now: then nothing changed.
-- An acknowledgement may come twice, or late: all of its numbers are of the whole
-- segment, so the second changes nothing.
local seq = ARGV[4]
local description, count, key = find(seq, ARGV[5])
local old, new = progress_of(group, seq), {}
for i = 1, 5 do
  new[i] = tonumber(ARGV[5 + i])
end
new[6] = old[6]
if not description or old[1] >= new[1] then
  return 1
end
if string.match(redis.call('HGET', leases, group .. '|' .. seq) or '', '^%S+') ~= ARGV[3] then
  return 0
end
ready({ 'LTRIM', key, 0, -1 })
unlock(key)
advance(group, seq, old, new)
if new[1] >= count then
  redis.call('HDEL', leases, group .. '|' .. seq)
  redis.call('ZREM', waiting, group .. '|' .. seq)
end
give_back(seq)
return 1
