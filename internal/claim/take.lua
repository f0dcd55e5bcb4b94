-- Takes dead letters away: to the list from which their group replays them, or for good.
-- ARGV: prefix, group, 'replayed' or 'dropped', then for each letter: identity, framed
-- entry ('' when dropped)
-- Returns the number of letters that were there.
if redis.call('EXISTS', order) == 0 then
  return 0
end
trying = true
ready({ 'HSTRLEN', dead, '' }, { 'RPUSH', order, '' }, { 'DECRBY', size, '-' })
unlock(dead)
local taken = 0
for i = 4, #ARGV, 2 do
  local field = group .. '|' .. ARGV[i]
  local bytes = redis.call('HSTRLEN', dead, field)
  if redis.call('HDEL', dead, field) == 1 then
    redis.call('HDEL', causes, field)
    redis.call('ZREM', order, field)
    redis.call('DECRBY', size, bytes)
    if ARGV[3] == 'replayed' then
      redis.call('RPUSH', replay .. group, ARGV[i + 1])
    end
    taken = taken + 1
  end
end
redis.call('HINCRBY', receipts, group .. '|' .. ARGV[3], taken)
return taken
