-- Tells how far a segment may be read as it lies, without a script that looks at each
-- entry, which costs Redis several times as much: where its nodes are as big there as
-- elsewhere.
-- ARGV: prefix, group, sequence, segment id, index of the first entry, most entries, entries that the
-- caller knows of
-- Returns how many entries that holds for, and about the bytes of each; nothing where
-- some may suddenly be bigger, or where the segment's end is not where the caller thinks.
local description, count, key = find(ARGV[3], ARGV[4])
if not description or count ~= tonumber(ARGV[7]) then
  return {}
end
local kept = redis.call('LLEN', key)
if kept + tonumber(redis.call('HGET', progress, '|' .. ARGV[3]) or '0') ~= count then
  return {}
end
if ARGV[6] == '0' then
  -- Whether the end is still there is all that was asked. A replica that took over just now
  -- may not know of what has joined.
  return string.match(description, ' (%S+)$') == server_run() and { 0, 0 } or {}
end
local at = tonumber(ARGV[5]) - (count - kept)
local entries = math.min(tonumber(ARGV[6]), kept - at)
if at < 0 or entries < 1 then
  return {}
end
-- What Redis estimates for all of a list is the mean of the nodes that it looks at, from
-- the head, times their number. It looks further only for what lies there. Where entries
-- are bigger somewhere, the means of the first nodes and of more of them differ.
local node, looks = 8192, { 8000, 40000 }
local function usage(nodes)
  local known, bytes = pcall(redis.call, 'MEMORY', 'USAGE', key, 'SAMPLES', nodes)
  return known and type(bytes) == 'number' and bytes or math.huge
end
for _, most in ipairs(looks) do
  local far = usage(most)
  if far / kept > node / 2 then
    return {}
  end
  local nodes = math.ceil((at + entries) * far / kept * 1.5 / node) + 1
  if nodes <= most then
    for step = 0, 6 do
      local near = usage(math.min(32 * 4 ^ step, nodes))
      if near > far * 1.25 or far > near * 1.25 then
        return {}
      end
      if 32 * 4 ^ step >= nodes then
        break
      end
    end
    return { entries, math.ceil(far / kept) }
  end
end
return {}
