-- Make every user that a dead worker was at due at once.
-- keys: beats calls_taken working due
-- args: incarnation

local now = now_ms()
if alive(incarnation .. '/', now) then
    return 0
end
for _, entry in ipairs(redis.call('SMEMBERS', working)) do
    redis.call('ZADD', due, 'XX', whole(now), entry)
end
redis.call('DEL', working)
redis.call('HDEL', beats, incarnation)
redis.call('HDEL', calls_taken, incarnation)
return 1
