-- Renews this worker's leases and takes free or expired ones, oldest segment first.
-- KEYS: segments, leases, progress, groups, receipts, sequence
-- ARGV: group, worker, lease in ms, most segments to hold, segment key prefix, group expiry in ms
-- Returns the last sequence, and one {sequence, description, entries done, entries
-- in Redis} for each segment held.
local group, worker = ARGV[1], ARGV[2]
local most = tonumber(ARGV[4])
local now = clock()
unlock(KEYS[4])
if redis.call('ZADD', KEYS[4], now, group) == 1 then
  -- A new group starts at what is there: its receipts count from here.
  local there = 0
  local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 2, #all, 2 do
    there = there + redis.call('LLEN', ARGV[5] .. all[i])
  end
  local claimed = tonumber(redis.call('HGET', KEYS[5], 'claimed') or '0')
  redis.call('HSET', KEYS[5], group .. '|before', claimed - there)
end
if redis.call('HGET', KEYS[3], group .. '|expiry') ~= ARGV[6] then
  redis.call('HSET', KEYS[3], group .. '|expiry', ARGV[6])
end
-- Segments below the floor are done for this group and wait for others only.
local known = tonumber(redis.call('HGET', KEYS[3], group .. '|floor') or '0')
local floor = known
local behind = true
local held = {}
local segments = redis.call('ZRANGEBYSCORE', KEYS[1], floor, '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
for i = 1, #segments, 2 do
  local description, seq = segments[i], segments[i + 1]
  local field = group .. '|' .. seq
  local count = tonumber(string.match(description, '^%S+ (%d+)'))
  local done = tonumber(redis.call('HGET', KEYS[3], field) or '0')
  if done >= count then
    if behind then
      floor = tonumber(seq) + 1
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
if floor > known then
  redis.call('HSET', KEYS[3], group .. '|floor', floor)
end
return { tonumber(redis.call('GET', KEYS[6]) or '0'), held }
