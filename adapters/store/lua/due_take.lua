-- Name what is due in a sorted set, the longest overdue first, and put it ahead in the same step.
-- keys: waiting
-- args: most grace_ms

local now = now_ms()
local found = redis.call('ZRANGEBYSCORE', waiting, '-inf', whole(now), 'LIMIT', 0, most)
for _, member in ipairs(found) do
    redis.call('ZADD', waiting, whole(now + grace_ms), member)
end
return found
