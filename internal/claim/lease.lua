-- Renews this worker's leases and takes free or expired ones, oldest segment first.
-- ARGV: prefix, group, lease in ms, worker, most segments to hold, group expiry in
-- ms, 1 to renew leases that are fresh too, groups that live as join_all has them
-- Returns JSON, as store.go reads it.
local lease, worker, most = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local now = clock()
ready()
unlock(groups)
local claimed = tonumber(redis.call('HGET', receipts, 'claimed') or '0')
join_all(8, lease, now)
if not join(group, lease, now) then
  return cjson.encode({ total = claimed, leaving = true })
end
if redis.call('HGET', progress, group .. '|expiry') ~= ARGV[6] then
  redis.call('HSET', progress, group .. '|expiry', ARGV[6])
end
local held, unknown = {}, 0
local from, looks = '[' .. group .. '|', 500
repeat
  local fields = redis.call('ZRANGEBYLEX', waiting, from, '(' .. group .. '}', 'LIMIT', 0, batch)
  for _, field in ipairs(fields) do
    from = '(' .. field
    local seq = string.match(field, '%d+$')
    local description, count, key = find(seq)
    local at = progress_of(group, seq)
    if not description or at[1] >= count then
      unknown = unknown + (description and 0 or 1)
      redis.call('ZREM', waiting, field)
    else
      local owner, expiry = string.match(redis.call('HGET', leases, field) or '', '^(%S+) (%d+)$')
      local mine = owner == worker
      if mine or (#held < most and (not owner or tonumber(expiry) <= now)) then
        if not mine or ARGV[7] == '1' or tonumber(expiry) - now < lease * 2 / 3 then
          redis.call('HSET', leases, field, worker .. ' ' .. now + lease)
        end
        local _, kept
        description, _, kept = recount(seq, description, count, key)
        held[#held + 1] = { seq = tonumber(seq), description = description, progress = table.concat(at, ' '), kept = kept }
      end
    end
  end
  looks = looks - #fields
until #fields < batch or #held >= most or looks <= 0
return cjson.encode({
  total = claimed, segments = redis.call('ZCARD', segments), unknown = unknown,
  held = held[1] and held or nil, -- what is empty would be an object
})
