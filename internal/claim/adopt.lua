-- Makes a segment of a segment list that no description names any more. Where the
-- groups' progress is there, it tells how many entries have left its head, and so
-- the identities; otherwise it is claimed anew.
-- ARGV: prefix, group, sequence, random part ('' in lists of older collectors), source hash, new random part
-- Returns {entries found, 1 where they got new identities}.
local seq, part = ARGV[3], ARGV[4]
local key = prefix .. seq .. (part ~= '' and '.' .. part or '')
local kept = redis.call('LLEN', key)
local taken, _, its = find(seq)
if kept == 0 or its == key then
  return { 0, 0 }
end
unlock(key)
local now = clock()
local all = redis.call('ZRANGE', groups, 0, -1)
local given
if part ~= '' and not taken and #all > 0 and redis.call('EXISTS', progress) == 1 then
  for _, name in ipairs(all) do
    given = math.min(given or progress_of(name, seq)[1], progress_of(name, seq)[1])
  end
  redis.call('ZADD', segments, seq, table.concat({ ARGV[5] .. '.' .. seq .. '.' .. part, given + kept, now, 'adopted' }, ' '))
else
  seq = math.max(tonumber(redis.call('GET', sequence) or '0') + 1, now)
  redis.call('SET', sequence, seq)
  redis.call('RENAME', key, prefix .. seq .. '.' .. ARGV[6])
  redis.call('ZADD', segments, seq, table.concat({ ARGV[5] .. '.' .. seq .. '.' .. ARGV[6], kept, now, 'adopted' }, ' '))
  redis.call('HINCRBY', receipts, 'claimed', kept)
end
for _, name in ipairs(all) do
  if progress_of(name, seq)[1] < (given or 0) + kept then
    redis.call('ZADD', waiting, 0, name .. '|' .. seq)
  end
end
return { kept, given and 0 or 1 }
