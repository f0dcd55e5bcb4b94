-- Puts dead letters back into the order, and under their causes, where these are lost.
-- ARGV: prefix, '', cursor, bytes of the letters before, '' where all are known
-- Returns the next cursor, 0 at the end, bytes of the letters up to there, and how many had no place.
ready({ 'SET', size, '', 'NX', 'XX' })
unlock(dead)
local now, found, bytes = clock(), 0, tonumber(ARGV[4] or '') or 0
local cursor, page = unpack(redis.call('HSCAN', dead, ARGV[3], 'COUNT', 5))
for i = 1, #page, 2 do
  local field, body = page[i], page[i + 1]
  bytes = bytes + #body
  found = found + redis.call('ZADD', order, 'NX', now, field)
  if redis.call('HEXISTS', causes, field) == 0 then
    local head = string.sub(body, 1, 16 * 1024)
    local class, destination = string.match(head, '"reason":"(%w+)'), string.match(head, '"destination":"([^"]*)"')
    redis.call('HSET', causes, field, (class or '') .. '|' .. (destination or ''))
  end
end
if cursor == '0' and ARGV[4] ~= '' then
  redis.call('SET', size, bytes)
end
return { tonumber(cursor), bytes, found }
