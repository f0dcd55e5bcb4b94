-- Tells about a source, and about one batch of its segments, oldest first.
-- ARGV: prefix, '', lowest sequence number, most segments
-- Returns {now in ms, entries not yet claimed, TTL of the list in s, number of dead
-- letters, groups and receipts as flat lists, {description, sequence, entries in
-- Redis, then for each group its progress and its lease}...}.
local all = redis.call('ZRANGE', groups, 0, -1, 'WITHSCORES')
local expiries = {}
for i = 1, #all, 2 do
  expiries[#expiries + 1] = redis.call('HGET', progress, all[i] .. '|expiry') or '0'
end
local rows = {}
local found = redis.call('ZRANGEBYSCORE', segments, ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #found, 2 do
  local seq = found[i + 1]
  local _, key = read(found[i], seq)
  local row = { found[i], seq, redis.call('LLEN', key) }
  for j = 1, #all, 2 do
    row[#row + 1] = table.concat(progress_of(all[j], seq), ' ')
    row[#row + 1] = redis.call('HGET', leases, all[j] .. '|' .. seq) or ''
  end
  rows[#rows + 1] = row
end
return {
  clock(), redis.call('LLEN', list), redis.call('TTL', list), redis.call('HLEN', dead),
  all, expiries, redis.call('HGETALL', receipts), rows,
}
