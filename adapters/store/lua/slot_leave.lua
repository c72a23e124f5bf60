-- Give a place back, after so many ms; one that has lapsed stays so.
-- keys: slots
-- args: holder linger_ms

if tonumber(linger_ms) > 0 then
    redis.call('ZADD', slots, 'XX', whole(now_ms() + linger_ms), holder)
else
    redis.call('ZREM', slots, holder)
end
