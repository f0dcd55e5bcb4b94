-- Removes a group by name, or all that were not seen for longer than their own
-- expiry, and gives back the memory that only they held.
-- KEYS: segments, leases, progress, groups, receipts, marks
-- ARGV: segment key prefix, group or '' for the expired ones
-- Returns the names of the removed groups.
local gone = {}
if ARGV[2] ~= '' then
  if redis.call('ZSCORE', KEYS[4], ARGV[2]) then
    gone[1] = ARGV[2]
  end
else
  local now = clock()
  local all = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local expiry = tonumber(redis.call('HGET', KEYS[3], all[i] .. '|expiry') or '0')
    if expiry > 0 and tonumber(all[i + 1]) + expiry < now then
      gone[#gone + 1] = all[i]
    end
  end
end
if #gone == 0 then
  return gone
end
unlock(KEYS[4])
local segments = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for _, group in ipairs(gone) do
  redis.call('ZREM', KEYS[4], group)
  redis.call('HDEL', KEYS[3], group .. '|floor', group .. '|expiry')
  for _, name in ipairs(receipt_names) do
    redis.call('HDEL', KEYS[5], group .. '|' .. name)
  end
  for i = 2, #segments, 2 do
    redis.call('HDEL', KEYS[2], group .. '|' .. segments[i])
    redis.call('HDEL', KEYS[3], group .. '|' .. segments[i])
  end
end
for i = 1, #segments, 2 do
  give_back(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1] .. segments[i + 1], segments[i + 1], segments[i], KEYS[6])
end
return gone
