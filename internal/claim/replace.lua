-- Replaces entries of a segment in their places, as many as a call may.
-- ARGV: prefix, group, sequence, segment id, index of the first, then the entries
-- Returns how many of them are dealt with.
local description, count, key = find(ARGV[3], ARGV[4])
if not description then
  return #ARGV - 5
end
unlock(key)
local kept = redis.call('LLEN', key)
local walk = 40000
for i = 6, #ARGV do
  local at = tonumber(ARGV[5]) + i - 6 - (count - kept)
  if at >= kept or walk <= 0 then
    return i - 6
  end
  if at >= 0 and ARGV[i] ~= '' then
    redis.call('LSET', key, at, ARGV[i])
    walk = walk - math.min(at, kept - at) / 4
  end
end
return #ARGV - 5
