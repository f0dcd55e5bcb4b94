-- Shared by the scripts of a source, each of which is sent with this in front. All
-- get the same keys, and the prefix of segment lists and a group first.
local list, sequence, segments, leases, progress, groups, waiting, leaving, receipts, dead, order, causes, size, replay = unpack(KEYS)
local prefix, group = ARGV[1], ARGV[2]

-- How many segments one call looks at, of however many there are.
local batch = 50

-- The most entries of a segment that others join.
local most_joined = 4000

-- What becomes of an entry, in the order in which progress keeps the counts.
local outcomes = { 'delivered', 'dead', 'lost', 'shed' }
local receipt_names = { 'before', 'acked', 'delivered', 'dead', 'lost', 'shed', 'replayed', 'dropped' }

-- Redis' own clock, in ms.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Redis before 7 cannot be asked for rights. Where trying is set they are tried out there,
-- which its statistics count as errors: once by who starts, and by what people do now and then.
local trying = false

-- Calls that change nothing, one for each command that scripts use once they have begun
-- to change something.
local harmless = {
  { 'GET', sequence },
  { 'EXISTS', groups },
  { 'LLEN', list },
  { 'HGET', progress, '' },
  { 'HEXISTS', progress, '' },
  { 'ZCARD', segments },
  { 'ZSCORE', groups, '' },
  { 'ZRANGE', groups, 0, 0 },
  { 'ZREVRANGE', groups, 0, 0 },
  { 'ZRANGEBYSCORE', segments, 0, 0 },
  { 'ZREVRANGEBYSCORE', segments, 0, 0 },
  { 'ZRANGEBYLEX', waiting, '[', '[' },
  { 'PERSIST', groups },
  { 'HSET', progress, '', '', '' }, -- a value without its field
  { 'HINCRBY', receipts, '', '-' },
  { 'HDEL', progress, '' },
  { 'ZADD', waiting, 'XX', 0, '' },
  { 'ZREM', waiting, '' },
  { 'UNLINK', prefix },
}

-- Ends the script before it changes anything where the user lacks a right that it will
-- need: Redis would end it in the middle, and take nothing back of what is done by then.
local function ready(...)
  local function try(call)
    local denied
    if redis.acl_check_cmd then
      denied = not redis.acl_check_cmd(unpack(call))
    elseif trying then
      local reply = redis.pcall(unpack(call))
      denied = type(reply) == 'table' and string.find(reply.err or '', "can't run this command", 1, true)
    end
    if denied then
      redis.call(unpack(call)) -- whose error says what is missing
    end
  end
  for _, call in ipairs(harmless) do
    try(call)
  end
  for _, call in ipairs({ ... }) do
    try(call)
  end
end

-- Which run of which server this is: one that comes back without its last writes, and one
-- that takes over, is another.
local function server_run()
  local known, info = pcall(redis.call, 'INFO', 'server')
  return known and type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
end

-- Makes a first write that Redis takes even when its memory is full: it lets the
-- rest of the script through, and these scripts are what frees memory.
local function unlock(key)
  redis.call('PERSIST', key)
end

-- How many entries to take next: ever more, as long as they are small, so that big
-- ones behind small ones are not taken many at once.
local function next_step(step, page)
  for _, entry in ipairs(page) do
    if #entry > 16 * 1024 then
      return 1
    end
  end
  return math.min(2 * step, 32)
end

-- A segment's entries, list key and time of the claim, from its description and
-- sequence number.
local function read(description, seq)
  local part, count, at = string.match(description, '^[^.]+%.%d+%.(%S+) (%d+) (%d+)')
  return tonumber(count), prefix .. seq .. '.' .. part, tonumber(at)
end

-- A new segment's number. It follows the clock, so that none is ever given again, also
-- when Redis comes back empty or in an older state: what a worker still has to say about
-- a lost segment must not hit a new one.
local function next_seq(now)
  local newest = redis.call('ZRANGE', segments, -1, -1, 'WITHSCORES')[2]
  local seq = math.max(tonumber(redis.call('GET', sequence) or '0') + 1, tonumber(newest or '0') + 1, now)
  redis.call('SET', sequence, seq)
  return seq
end

-- Finds a segment by its number, and by its id where that is given.
local function find(seq, id)
  local description = redis.call('ZRANGEBYSCORE', segments, seq, seq)[1]
  if not description or id and string.match(description, '^%S+') ~= id then
    return nil
  end
  return description, read(description, seq)
end

-- How far a group is with a segment: entries done, then of these the outcomes, and
-- since when more of it waits, 0 for since it was claimed.
local function progress_of(name, seq)
  local n = {}
  for number in string.gmatch(redis.call('HGET', progress, name .. '|' .. seq) or '0 0 0 0 0 0', '%d+') do
    n[#n + 1] = tonumber(number)
  end
  return n
end

-- Writes a group's progress with a segment, and counts what changed.
local function advance(name, seq, old, new)
  redis.call('HSET', progress, name .. '|' .. seq, string.format('%d %d %d %d %d %d', unpack(new)))
  redis.call('HINCRBY', receipts, name .. '|acked', new[1] - old[1])
  for i, outcome in ipairs(outcomes) do
    if new[i + 1] ~= old[i + 1] then
      redis.call('HINCRBY', receipts, name .. '|' .. outcome, new[i + 1] - old[i + 1])
    end
  end
end

-- Forgets a group's part in a segment.
local function close(name, seq)
  local field = name .. '|' .. seq
  redis.call('HDEL', progress, field)
  redis.call('HDEL', leases, field)
  redis.call('ZREM', waiting, field)
end

-- Takes entries off the head of a segment. How many are gone is noted apart from what
-- the segments say, so that a segment whose description is lost keeps its identities.
local function trim(seq, key, given, to)
  redis.call('LTRIM', key, to - given, -1)
  redis.call('HSET', progress, '|' .. seq, to)
end

-- Counts what lies in a segment beyond what its description says, which a script that
-- was ended in the middle has left there; otherwise every index would be another's.
local function recount(seq, description, count, key)
  local kept = redis.call('LLEN', key)
  local all = kept + tonumber(redis.call('HGET', progress, '|' .. seq) or '0')
  if kept <= count or all <= count then
    return description, count, kept
  end
  local right = string.gsub(description, ' %d+ ', ' ' .. all .. ' ', 1)
  redis.call('ZREM', segments, description)
  redis.call('ZADD', segments, seq, right)
  redis.call('HINCRBY', receipts, 'claimed', all - count)
  return right, all, kept
end

-- Gives back the memory of what every group is done with in a segment, and the
-- segment itself once that is all of it.
local function give_back(seq)
  local description, count, key = find(seq)
  local all = redis.call('ZRANGE', groups, 0, -1)
  if not description or #all == 0 then
    return
  end
  local done = count
  for _, name in ipairs(all) do
    done = math.min(done, progress_of(name, seq)[1])
  end
  if done >= count then
    redis.call('UNLINK', key)
    redis.call('ZREM', segments, description)
    redis.call('HDEL', progress, '|' .. seq)
    for _, name in ipairs(all) do
      close(name, seq)
    end
    return
  end
  local given = math.max(count - redis.call('LLEN', key), 0)
  if done > given then
    trim(seq, key, given, done)
  end
end

-- Notes that a group lives. Where none was heard of for long, everything was off, and that
-- time counts against nobody; what a group was silent for before does.
local function touch(name, lease, now)
  local latest = redis.call('ZREVRANGE', groups, 0, 0, 'WITHSCORES')[2]
  if latest and tonumber(latest) < now - 2 * lease then
    local all = redis.call('ZRANGE', groups, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do
      redis.call('ZADD', groups, all[i + 1] + now - latest, all[i])
    end
  end
  redis.call('ZADD', groups, now, name)
end

-- Shows a group one batch of the segments that are there, newest first, until it
-- has seen all. A new group does not see what others were done with before.
local function enter(name)
  local how, from = string.match(redis.call('HGET', progress, name .. '|entering') or '', '^(%S+) (%S+)$')
  if not how then
    return
  end
  local rows = redis.call('ZREVRANGEBYSCORE', segments, from, '-inf', 'WITHSCORES', 'LIMIT', 0, batch)
  for i = 1, #rows, 2 do
    local seq, field = rows[i + 1], name .. '|' .. rows[i + 1]
    local count, key = read(rows[i], seq)
    local kept = redis.call('LLEN', key)
    if how == 'new' then
      redis.call('HINCRBY', receipts, name .. '|before', 0 - kept) -- where -kept may be "-0"
    end
    if kept < count and redis.call('HEXISTS', progress, field) == 0 then
      redis.call('HSET', progress, field, count - kept .. ' 0 0 0 0 0')
    end
    if progress_of(name, seq)[1] < count then
      redis.call('ZADD', waiting, 0, field)
    end
    from = '(' .. seq
  end
  if #rows < 2 * batch then
    redis.call('HDEL', progress, name .. '|entering')
  else
    redis.call('HSET', progress, name .. '|entering', how .. ' ' .. from)
  end
end

-- Makes a group known to the source, and its part whole: one that is new starts at
-- what is there, and its receipts with it. Its own calls say later when it expires. Returns
-- false while it is being removed.
local function join(name, lease, now, expiry)
  if redis.call('ZSCORE', leaving, name) then
    return false
  end
  if not redis.call('ZSCORE', groups, name) then
    touch(name, lease, now)
    for _, receipt in ipairs(receipt_names) do
      redis.call('HDEL', receipts, name .. '|' .. receipt)
    end
    redis.call('HSET', receipts, name .. '|before', redis.call('HGET', receipts, 'claimed') or 0)
    -- Some progress is there as long as there are groups: without any, it is lost.
    redis.call('HSET', progress, name .. '|entering', 'new +inf', name .. '|expiry', expiry or 0)
  elseif redis.call('EXISTS', waiting) == 0 and redis.call('EXISTS', segments) == 1 and redis.call('HEXISTS', progress, name .. '|entering') == 0 then
    redis.call('HSET', progress, name .. '|entering', 'again +inf') -- what somebody waits for is lost
  end
  enter(name)
  return true
end

-- Has the groups join that the arguments name, each with until when it counts, where the source knows
-- none: it was never claimed, or Redis has lost them. Whoever lives sees what comes from here on,
-- however late it looks.
local function join_all(first, lease, now)
  if redis.call('EXISTS', groups) == 1 then
    return
  end
  for i = first, #ARGV, 2 do
    local till = tonumber(ARGV[i + 1])
    join(ARGV[i], lease, now, till == 0 and 0 or math.max(till - now, 1))
  end
end

-- Tells every group that a segment has more for it.
local function open(seq, now)
  for _, name in ipairs(redis.call('ZRANGE', groups, 0, -1)) do
    local field = name .. '|' .. seq
    if redis.call('ZADD', waiting, 0, field) == 1 and redis.call('HEXISTS', progress, field) == 1 then
      local at = progress_of(name, seq)
      at[6] = now
      redis.call('HSET', progress, field, string.format('%d %d %d %d %d %d', unpack(at)))
    end
  end
end
