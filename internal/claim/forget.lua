-- Removes a group by name, or all that were not seen for longer than their own
-- expiry, and gives back the memory that only they held. What a removal has begun,
-- and did not end, is gone on with.
-- ARGV: prefix, group or '' for the expired ones
-- Returns JSON: whether there is more to do, and the groups whose removal began.
local gone = {}
local function reply(more)
  return cjson.encode({ more = more, gone = gone[1] and gone or nil }) -- what is empty would be an object
end
if group ~= '' then
  if redis.call('ZSCORE', groups, group) then
    gone[1] = group
  end
else
  local now = clock()
  local all = redis.call('ZRANGE', groups, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local expiry = tonumber(redis.call('HGET', progress, all[i] .. '|expiry') or '0')
    if expiry > 0 and tonumber(all[i + 1]) + expiry < now then
      gone[#gone + 1] = all[i]
    end
  end
end
if #gone == 0 and redis.call('EXISTS', leaving) == 0 then
  return reply(false)
end
trying = true
ready({ 'LTRIM', list, 0, -1 })
unlock(groups)
for _, name in ipairs(gone) do
  -- From here on nobody waits for it.
  redis.call('ZREM', groups, name)
  redis.call('ZADD', leaving, 0, name)
end
local name, from = unpack(redis.call('ZRANGE', leaving, 0, 0, 'WITHSCORES'))
local found = redis.call('ZRANGEBYSCORE', segments, from, '+inf', 'WITHSCORES', 'LIMIT', 0, batch)
for i = 2, #found, 2 do
  close(name, found[i])
  give_back(found[i])
end
if #found == 2 * batch then
  redis.call('ZADD', leaving, found[#found] + 1, name)
  return reply(true)
end
redis.call('ZREM', leaving, name)
redis.call('HDEL', progress, name .. '|expiry', name .. '|entering')
for _, receipt in ipairs(receipt_names) do
  redis.call('HDEL', receipts, name .. '|' .. receipt)
end
return reply(redis.call('EXISTS', leaving) == 1)
