-- Sheds the oldest entries of a segment, a bounded number a call. Who has not read
-- them has them counted as shed; who has, and says so later, as what became of them.
-- ARGV: prefix, group, sequence, segment id, index of the first entry to keep
-- Returns the index of the first entry that is left, and how many were shed.
local seq = ARGV[3]
local description, count, key = find(seq, ARGV[4])
if not description then
  return { tonumber(ARGV[5]), 0 }
end
local given = count - redis.call('LLEN', key)
local to = math.min(tonumber(ARGV[5]), count, given + 1000)
if to <= given then
  return { given, 0 }
end
unlock(key)
trim(seq, key, given, to)
for _, name in ipairs(redis.call('ZRANGE', groups, 0, -1)) do
  local old = progress_of(name, seq)
  -- A group that has not got to the segment yet will not see them at all.
  local ahead = string.match(redis.call('HGET', progress, name .. '|entering') or '', '^new %(?(%S+)$')
  local seen = not ahead or ahead ~= '+inf' and tonumber(ahead) <= tonumber(seq)
  if seen and old[1] < to then
    local new = { to, old[2], old[3], old[4], old[5] + to - old[1], old[6] }
    advance(name, seq, old, new)
    if to >= count then
      redis.call('HDEL', leases, name .. '|' .. seq)
      redis.call('ZREM', waiting, name .. '|' .. seq)
    end
  end
end
give_back(seq)
return { to, to - given }
