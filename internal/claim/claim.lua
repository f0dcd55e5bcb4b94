-- Claims a source list. A small list joins the newest segment while that is small
-- too, so that segments stay few however long a group is away; any other becomes a
-- segment of its own, as it is. Nothing expires either.
-- ARGV: prefix, group, lease in ms, source hash, random part, groups that live as join_all has them
-- Returns the number of entries claimed.
local small, most_moved = 500, 256 * 1024
local entries = redis.call('LLEN', list)
if entries == 0 then
  return 0
end
ready({ 'LRANGE', list, 0, 0 }, { 'LTRIM', list, 0, -1 }, { 'RENAME', list, list }, { 'SET', sequence, '', 'NX', 'XX' }, { 'RPUSH', list, '' })
unlock(list)
local now = clock()
join_all(6, tonumber(ARGV[3]), now)
-- What a server lost of a segment that another run began may be delivered already, and new
-- entries must not get the same indices.
local run = server_run()
local left = entries
local description, seq = unpack(redis.call('ZRANGE', segments, -1, -1, 'WITHSCORES'))
if description and entries <= small and string.match(description, ' (%S+)$') == run then
  local count, key = read(description, seq)
  local kept
  description, count, kept = recount(seq, description, count, key)
  if count + entries <= most_joined and kept > 0 then
    local moved, step = 0, 1
    while left > 0 and moved < most_moved do
      local page = redis.call('LRANGE', list, 0, step - 1)
      redis.call('RPUSH', key, unpack(page))
      redis.call('LTRIM', list, #page, -1)
      left, step = left - #page, next_step(step, page)
      for _, entry in ipairs(page) do
        moved = moved + #entry
      end
    end
    redis.call('ZREM', segments, description)
    redis.call('ZADD', segments, seq, (string.gsub(description, ' %d+ ', ' ' .. count + entries - left .. ' ', 1)))
    open(seq, now)
  end
end
if left > 0 then
  seq = next_seq(now)
  redis.call('RENAME', list, prefix .. seq .. '.' .. ARGV[5])
  redis.call('ZADD', segments, seq, table.concat({ ARGV[4] .. '.' .. seq .. '.' .. ARGV[5], left, now, run }, ' '))
  open(seq, now)
end
redis.call('HINCRBY', receipts, 'claimed', entries)
return entries
