-- Sheds the oldest entries of a segment until so many bytes are, a bounded number a call.
-- Who has not read them has them counted as shed; who has, and says so later, as what
-- became of them.
-- ARGV: prefix, group, sequence, segment id, index of the first entry to keep, bytes
-- Returns the index of the first entry that is left, how many were shed, and their bytes.
local seq = ARGV[3]
local description, count, key = find(seq, ARGV[4])
if not description then
  return { tonumber(ARGV[5]), 0, 0 }
end
local given = math.max(count - redis.call('LLEN', key), 0)
local last, wanted = math.min(tonumber(ARGV[5]), count, given + 1000), math.min(tonumber(ARGV[6]), 1024 * 1024)
local to, bytes, step = given, 0, 1
while to < last and bytes < wanted do
  local page = redis.call('LRANGE', key, to - given, math.min(to - given + step, last - given) - 1)
  for _, entry in ipairs(page) do
    if bytes < wanted then
      to, bytes = to + 1, bytes + #entry
    end
  end
  step = next_step(step, page)
end
if to <= given then
  return { given, 0, 0 }
end
ready({ 'LTRIM', key, 0, -1 })
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
return { to, to - given, bytes }
