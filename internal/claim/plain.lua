-- Tells which entries of a segment from an index on may be read as they lie, without a
-- script that looks at each, which costs Redis several times as much: those of a big
-- segment whose nodes are as big there as elsewhere.
-- ARGV: prefix, group, sequence, segment id, index of the first, most entries, most bytes
-- Returns the places of the first and the last from the segment's end, which stays
-- where it is; nothing where entries may suddenly be bigger.
local description, count, key = find(ARGV[3], ARGV[4])
if not description or count <= most_joined then
  return {}
end
local kept = redis.call('LLEN', key)
local at = tonumber(ARGV[5]) - (count - kept)
if at < 0 or at >= kept then
  return {}
end
-- What Redis estimates for all of a list is the mean of the nodes that it looks at, from
-- the head, times their number.
local looks, node = 8000, 8192
local known, far = pcall(redis.call, 'MEMORY', 'USAGE', key, 'SAMPLES', looks)
if not known or type(far) ~= 'number' or far / kept > node / 2 then
  return {}
end
local entries = math.min(tonumber(ARGV[6]), kept - at, math.floor(tonumber(ARGV[7]) * kept / far))
local nodes = math.ceil((at + entries) * far / kept * 1.5 / node) + 1
local near = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', nodes)
if entries < 1 or nodes > looks or near > far * 1.25 then
  return {}
end
local first = tonumber(ARGV[5]) - count
return { first, first + entries - 1 }
