-- Advances a group's progress in a segment, and gives back the memory of what
-- every group has passed.
-- KEYS: segments, leases, progress, groups, segment list, receipts, marks
-- ARGV: group, worker, sequence, entries done, of these newly lost, newly gone,
-- newly dead letters, segment id
-- Returns 1, or 0 when the lease is another worker's by now: then nothing changed.
-- An acknowledgement may come twice, when its answer was lost on the way: the
-- second finds it done, and the lease or all of the segment gone.
local group, seq = ARGV[1], ARGV[3]
local field = group .. '|' .. seq
local owner = string.match(redis.call('HGET', KEYS[2], field) or '', '^(%S+) ')
local description = redis.call('ZRANGEBYSCORE', KEYS[1], seq, seq)[1]
local before = tonumber(redis.call('HGET', KEYS[3], field) or '0')
if not description or string.match(description, '^%S+') ~= ARGV[8] or before >= tonumber(ARGV[4]) then
  return 1
end
if owner ~= ARGV[2] then
  return 0
end
unlock(KEYS[5])
local count = tonumber(string.match(description, '^%S+ (%d+)'))
if before == 0 then
  -- What other groups had passed before this one began was never this group's.
  before = count - math.max(redis.call('LLEN', KEYS[5]), tonumber(ARGV[5]))
end
-- Never backwards, in whatever order acknowledgements come.
local done = math.max(before, tonumber(ARGV[4]))
redis.call('HSET', KEYS[3], field, done)
redis.call('HINCRBY', KEYS[6], group .. '|acked', done - before)
for name, n in pairs({ lost = ARGV[5], gone = ARGV[6], dead = ARGV[7] }) do
  if tonumber(n) > 0 then
    redis.call('HINCRBY', KEYS[6], group .. '|' .. name, n)
  end
end
if done >= count then
  redis.call('HDEL', KEYS[2], field)
end
give_back(KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], seq, description, KEYS[7])
return 1
