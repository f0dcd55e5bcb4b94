-- Makes a segment of a segment list that no description names any more. Where progress
-- is there, it tells how many entries have left its head, and so the identities;
-- otherwise it is claimed anew.
-- ARGV: prefix, group, sequence, random part, source hash, new random part
-- Returns {entries found, 1 where they got new identities}.
local seq, part = ARGV[3], ARGV[4]
local key = prefix .. seq .. '.' .. part
local kept = redis.call('LLEN', key)
local taken, _, its = find(seq)
if kept == 0 or its == key then
  return { 0, 0 }
end
ready({ 'RENAME', key, key }, { 'SET', sequence, '', 'NX', 'XX' })
unlock(key)
local now = clock()
local all = redis.call('ZRANGE', groups, 0, -1)
local given
if not taken and redis.call('EXISTS', progress) == 1 then
  given = tonumber(redis.call('HGET', progress, '|' .. seq) or '0')
  redis.call('ZADD', segments, seq, table.concat({ ARGV[5] .. '.' .. seq .. '.' .. part, given + kept, now, 'adopted' }, ' '))
else
  seq = next_seq(now)
  redis.call('RENAME', key, prefix .. seq .. '.' .. ARGV[6])
  redis.call('ZADD', segments, seq, table.concat({ ARGV[5] .. '.' .. seq .. '.' .. ARGV[6], kept, now, 'adopted' }, ' '))
  redis.call('HINCRBY', receipts, 'claimed', kept)
end
for _, name in ipairs(all) do
  local field = name .. '|' .. seq
  if (given or 0) > 0 and redis.call('HEXISTS', progress, field) == 0 then
    redis.call('HSET', progress, field, given .. ' 0 0 0 0 0')
  end
  if progress_of(name, seq)[1] < (given or 0) + kept then
    redis.call('ZADD', waiting, 0, field)
  end
end
return { kept, given and 0 or 1 }
