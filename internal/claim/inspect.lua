-- Tells about a source, and about one batch of its segments, oldest first.
-- ARGV: prefix, '', lowest sequence number, most segments
-- Returns JSON, as inspect.go reads it.
local report = {
  at = clock(), unclaimed = redis.call('LLEN', list), ttl = redis.call('TTL', list), dead = redis.call('HLEN', dead),
  receipts = {}, groups = {}, segments = {},
}
local counts = redis.call('HGETALL', receipts)
for i = 1, #counts, 2 do
  report.receipts[counts[i]] = tonumber(counts[i + 1])
end
local all = redis.call('ZRANGE', groups, 0, -1, 'WITHSCORES')
for i = 1, #all, 2 do
  local expiry = tonumber(redis.call('HGET', progress, all[i] .. '|expiry') or '0')
  table.insert(report.groups, { name = all[i], seen = tonumber(all[i + 1]), expiry = expiry })
end
local found = redis.call('ZRANGEBYSCORE', segments, ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #found, 2 do
  local seq = found[i + 1]
  local _, key = read(found[i], seq)
  local row = { description = found[i], seq = tonumber(seq), kept = redis.call('LLEN', key), progress = {}, leases = {} }
  for _, group in ipairs(report.groups) do
    row.progress[group.name] = table.concat(progress_of(group.name, seq), ' ')
    row.leases[group.name] = redis.call('HGET', leases, group.name .. '|' .. seq) or nil
  end
  table.insert(report.segments, row)
end
-- What is empty would be an object.
report.groups = report.groups[1] and report.groups or nil
report.segments = report.segments[1] and report.segments or nil
return cjson.encode(report)
