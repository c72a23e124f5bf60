-- Count a failure; the one that opens the breaker sets the time of the first probe.
-- keys: breaker
-- args: failures probe_ms

local now = now_ms()
redis.call('HSETNX', breaker, 'since_ms', whole(now))
if redis.call('HINCRBY', breaker, 'failures', 1) == tonumber(failures) then
    redis.call('HSET', breaker, 'probe_ms', whole(now + probe_ms))
end
redis.call('PEXPIRE', breaker, 7200000)
