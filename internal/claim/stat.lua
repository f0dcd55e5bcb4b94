-- Tells what waits for a group, and what became of all that it was to see. It
-- takes no longer when another group has been stuck for days, and has left as
-- many segments as there were looks in that time.
-- KEYS: source list, segments, progress, dead letters, receipts
-- ARGV: group
-- Returns {entries not yet claimed, entries claimed and not done, age of the
-- oldest such segment in ms, dead letters of all groups, entries that the group
-- was to see, acknowledged, made dead letters, lost by Redis, gave way}.
local group = ARGV[1]
local function receipt(name)
  return tonumber(redis.call('HGET', KEYS[5], name) or '0')
end
local seen, acked = receipt('claimed') - receipt(group .. '|before'), receipt(group .. '|acked')
local age = 0
if acked < seen then
  local from = tonumber(redis.call('HGET', KEYS[3], group .. '|floor') or '0')
  local found = false
  repeat
    local segments = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 100)
    for i = 1, #segments, 2 do
      local count, claimed = string.match(segments[i], '^%S+ (%d+) %d+ %d+ (%d+)$')
      if tonumber(redis.call('HGET', KEYS[3], group .. '|' .. segments[i + 1]) or '0') < tonumber(count) then
        age, found = clock() - claimed, true
        break
      end
      from = segments[i + 1] + 1
    end
  until found or #segments == 0
end
return {
  redis.call('LLEN', KEYS[1]), seen - acked, age, redis.call('HLEN', KEYS[4]),
  seen, acked, receipt(group .. '|dead'), receipt(group .. '|lost'), receipt(group .. '|gone'),
}
