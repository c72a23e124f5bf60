-- Take a place: 0 if one was free, else in how many ms the next one lapses at the latest.
-- keys: slots
-- args: holder most lease_ms

local now = now_ms()
redis.call('ZREMRANGEBYSCORE', slots, '-inf', now)
if redis.call('ZCARD', slots) < tonumber(most) then
    redis.call('ZADD', slots, whole(now + lease_ms), holder)
    redis.call('PEXPIRE', slots, lease_ms)
    return 0
end
return tonumber(redis.call('ZRANGE', slots, 0, 0, 'WITHSCORES')[2]) - now
