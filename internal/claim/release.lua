-- Gives leases back, so that a peer need not wait for them to expire.
-- KEYS: leases
-- ARGV: group, worker, sequence ...
-- Returns the number of leases given back.
local released = 0
for i = 3, #ARGV do
  local field = ARGV[1] .. '|' .. ARGV[i]
  local owner = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%S+) ')
  if owner == ARGV[2] then
    released = released + redis.call('HDEL', KEYS[1], field)
  end
end
return released
