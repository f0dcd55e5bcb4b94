-- Notes that a group lives where anybody has ever claimed anything.
-- ARGV: prefix, group, lease in ms, 1 to try out the rights that all scripts of a receiver need
-- where Redis cannot be asked for them
-- Returns how many entries of the source were ever claimed.
if ARGV[4] == '1' and not redis.acl_check_cmd then
  trying = true
  redis.call('SET', prefix, '') -- for a while, since a list that is none takes nothing
  ready(
    { 'LRANGE', list, 0, 0 }, { 'LTRIM', list, 0, -1 }, { 'RENAME', list, list }, { 'RPUSH', prefix, '' },
    { 'HSTRLEN', dead, '' }, { 'INCRBY', size, '-' }, { 'DECRBY', size, '-' }
  )
  redis.call('UNLINK', prefix)
end
if redis.call('EXISTS', groups) == 1 then
  ready()
  unlock(groups)
  local lease, now = tonumber(ARGV[3]), clock()
  if join(group, lease, now) then
    touch(group, lease, now)
  end
end
return tonumber(redis.call('HGET', receipts, 'claimed') or '0')
