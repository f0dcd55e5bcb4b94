-- Renews this worker's leases and takes free or expired ones, oldest segment first.
-- KEYS: segments, leases, progress, groups, receipts
-- ARGV: group, worker, lease in ms, most segments to hold, segment key prefix, group expiry in ms
-- Returns how many entries were ever claimed, and one {sequence, description,
-- entries done, entries in Redis} for each segment held.
local group, worker = ARGV[1], ARGV[2]
local most = tonumber(ARGV[4])
local now = clock()
unlock(KEYS[4])
local claimed = tonumber(redis.call('HGET', KEYS[5], 'claimed') or '0')
if not redis.call('ZSCORE', KEYS[4], group) then
  -- A new group starts at what is there: its receipts count from here.
  local there = 0
  local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 2, #all, 2 do
    there = there + redis.call('LLEN', ARGV[5] .. all[i])
  end
  for _, name in ipairs(receipt_names) do
    redis.call('HDEL', KEYS[5], group .. '|' .. name)
  end
  redis.call('HSET', KEYS[5], group .. '|before', claimed - there)
end
redis.call('ZADD', KEYS[4], now, group)
if redis.call('HGET', KEYS[3], group .. '|expiry') ~= ARGV[6] then
  redis.call('HSET', KEYS[3], group .. '|expiry', ARGV[6])
end
-- Segments below the floor are done for this group and wait for others only.
local known = tonumber(redis.call('HGET', KEYS[3], group .. '|floor') or '0')
local floor = known
local behind = true
local held = {}
local from = floor
repeat
  local segments = redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 500)
  for i = 1, #segments, 2 do
    local description, seq = segments[i], segments[i + 1]
    local field = group .. '|' .. seq
    local count = tonumber(string.match(description, '^%S+ (%d+)'))
    local done = tonumber(redis.call('HGET', KEYS[3], field) or '0')
    from = tonumber(seq) + 1
    if done >= count then
      if behind then
        floor = from
      end
    else
      behind = false
      local owner, expiry = string.match(redis.call('HGET', KEYS[2], field) or '', '^(%S+) (%d+)$')
      if owner == worker or (#held < most and (not owner or tonumber(expiry) <= now)) then
        redis.call('HSET', KEYS[2], field, worker .. ' ' .. (now + tonumber(ARGV[3])))
        held[#held + 1] = { tonumber(seq), description, done, redis.call('LLEN', ARGV[5] .. seq) }
      end
    end
  end
until #segments == 0 or #held >= most
if floor > known then
  redis.call('HSET', KEYS[3], group .. '|floor', floor)
end
return { claimed, held }
