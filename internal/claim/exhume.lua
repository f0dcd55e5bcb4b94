-- Takes dead letters away: to the list from which their group replays them, or for good.
-- KEYS: dead letters, their order, receipts, list to replay from
-- ARGV: group, 'replay' or 'drop', then for each letter: uid, framed entry ('' when dropped)
-- Returns the number of letters that were there.
local group = ARGV[1]
unlock(KEYS[1])
local taken = 0
for i = 3, #ARGV, 2 do
  local field = group .. '|' .. ARGV[i]
  if redis.call('HDEL', KEYS[1], field) == 1 then
    redis.call('ZREM', KEYS[2], field)
    if ARGV[2] == 'replay' then
      redis.call('RPUSH', KEYS[4], ARGV[i + 1])
    end
    taken = taken + 1
  end
end
redis.call('HINCRBY', KEYS[3], group .. (ARGV[2] == 'replay' and '|replayed' or '|dropped'), taken)
return taken
