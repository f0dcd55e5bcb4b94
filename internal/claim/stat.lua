-- Tells what waits for a group.
-- KEYS: source list, segments, progress, dead letters
-- ARGV: group
-- Returns {entries not yet claimed, entries claimed and not done, age of the
-- oldest such segment in ms, dead letters}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local waiting, oldest = 0, now
local segments = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #segments, 2 do
  local count, claimed = string.match(segments[i], '^%S+ (%d+) %d+ %d+ (%d+)$')
  local done = redis.call('HGET', KEYS[3], ARGV[1] .. '|' .. segments[i + 1])
  local left = tonumber(count) - tonumber(done or '0')
  if left > 0 then
    waiting = waiting + left
    oldest = math.min(oldest, tonumber(claimed))
  end
end
return { redis.call('LLEN', KEYS[1]), waiting, now - oldest, redis.call('HLEN', KEYS[4]) }
