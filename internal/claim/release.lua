-- Gives all leases of a worker back, so that a peer need not wait for them to expire.
-- KEYS: leases
-- ARGV: group, worker
-- Returns the number of leases given back.
local released = 0
local leases = redis.call('HGETALL', KEYS[1])
for i = 1, #leases, 2 do
  local group = string.match(leases[i], '^(.*)|')
  local owner = string.match(leases[i + 1], '^(%S+) ')
  if group == ARGV[1] and owner == ARGV[2] then
    released = released + redis.call('HDEL', KEYS[1], leases[i])
  end
end
return released
