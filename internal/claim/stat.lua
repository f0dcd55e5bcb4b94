-- Tells what waits for a group, and what became of all that it was to see.
-- KEYS: source list, segments, progress, dead letters, receipts
-- ARGV: group, segment key prefix
-- Returns {entries not yet claimed, entries claimed and not done, age of the
-- oldest such segment in ms, dead letters of all groups, entries that the group
-- was to see, acknowledged, made dead letters, lost by Redis, gave way}.
local group = ARGV[1]
local now = clock()
local waiting, oldest = 0, now
local segments = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #segments, 2 do
  local description, seq = segments[i], segments[i + 1]
  local count, claimed = string.match(description, '^%S+ (%d+) %d+ %d+ (%d+)$')
  local done = tonumber(redis.call('HGET', KEYS[3], group .. '|' .. seq) or '0')
  local left = tonumber(count) - done
  if done == 0 then
    left = redis.call('LLEN', ARGV[2] .. seq)
  end
  if left > 0 then
    waiting = waiting + left
    oldest = math.min(oldest, tonumber(claimed))
  end
end
local function receipt(name)
  return tonumber(redis.call('HGET', KEYS[5], name) or '0')
end
return {
  redis.call('LLEN', KEYS[1]), waiting, now - oldest, redis.call('HLEN', KEYS[4]),
  receipt('claimed') - receipt(group .. '|before'), receipt(group .. '|acked'),
  receipt(group .. '|dead'), receipt(group .. '|lost'), receipt(group .. '|gone'),
}
