-- Gives this worker's leases back, so that a peer need not wait for them to expire.
-- ARGV: prefix, group, worker, where to go on, '' for the beginning
-- Returns where to go on, '' for nowhere.
local from = ARGV[4] == '' and '[' .. group .. '|' or ARGV[4]
local fields = redis.call('ZRANGEBYLEX', waiting, from, '(' .. group .. '}', 'LIMIT', 0, 10 * batch)
for _, field in ipairs(fields) do
  if string.match(redis.call('HGET', leases, field) or '', '^%S+') == ARGV[3] then
    redis.call('HDEL', leases, field)
  end
end
return #fields == 10 * batch and '(' .. fields[#fields] or ''
