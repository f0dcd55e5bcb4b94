-- Tells what waits for a group, and what became of all that it was to see, however
-- much lies there.
-- ARGV: prefix, group
-- Returns {entries not yet claimed, entries claimed and not done, age of the oldest
-- such in ms, dead letters of all groups, entries that the group was to see,
-- delivered, made dead letters, lost by Redis, shed}.
local function receipt(name)
  return tonumber(redis.call('HGET', receipts, name) or '0')
end
local seen, acked, age = receipt('claimed') - receipt(group .. '|before'), receipt(group .. '|acked'), 0
for _, field in ipairs(redis.call('ZRANGEBYLEX', waiting, '[' .. group .. '|', '(' .. group .. '}', 'LIMIT', 0, batch)) do
  local seq = string.match(field, '%d+$')
  local description, count, _, claimed = find(seq)
  local at = progress_of(group, seq)
  if description and at[1] < count then
    age = clock() - math.max(at[6], claimed)
    break
  end
end
local reply = { redis.call('LLEN', list), seen - acked, age, redis.call('HLEN', dead), seen }
for _, outcome in ipairs(outcomes) do
  reply[#reply + 1] = receipt(group .. '|' .. outcome)
end
return reply
