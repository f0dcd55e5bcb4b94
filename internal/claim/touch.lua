-- Notes that a group lives where anybody has ever claimed anything.
-- ARGV: prefix, group, lease in ms
-- Returns how many entries of the source were ever claimed.
if redis.call('EXISTS', groups) == 1 then
  ready()
  unlock(groups)
  local lease, now = tonumber(ARGV[3]), clock()
  if join(group, lease, now) then
    touch(group, lease, now)
  end
end
return tonumber(redis.call('HGET', receipts, 'claimed') or '0')
