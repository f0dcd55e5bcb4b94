-- Reads entries of a segment, up to the one with which a number of bytes is reached. That
-- one comes along whatever its size: Redis does not tell it before it is read.
-- ARGV: prefix, group, sequence, segment id, index of the first, most entries, most bytes
-- Returns pages of entries, none where Redis has nothing there.
local description, count, key = find(ARGV[3], ARGV[4])
if not description then
  return {}
end
local kept = redis.call('LLEN', key)
local at = tonumber(ARGV[5]) - (count - kept)
local last, most = math.min(at + tonumber(ARGV[6]), at + 500, kept), tonumber(ARGV[7])
if at < 0 then
  return {}
end
-- Redis finds a place by walking there, which is what is far from both ends pays for
-- with fewer steps. What it answered goes on as it is: each entry that a script touches
-- costs more than Redis itself takes to read it.
local walk, pages, bytes, step = 40000, {}, 0, 1
while at < last and walk > 0 and bytes < most do
  local page = redis.call('LRANGE', key, at, math.min(at + step, last) - 1)
  local before = bytes
  step = next_step(step, page)
  for i = 1, #page do
    bytes = bytes + #page[i]
    if bytes > most then
      for rest = #page, i + 1, -1 do
        page[rest] = nil
      end
      break
    end
  end
  pages[#pages + 1] = page
  at = at + #page
  local node = math.max(8192 * #page / math.max(bytes - before, 1), 1) -- entries side by side
  walk = walk - math.min(at, kept - at) / node
end
return pages
