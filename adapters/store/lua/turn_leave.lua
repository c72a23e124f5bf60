-- Give a turn back, if it is still this holder's.
-- keys: turn
-- args: holder

if redis.call('GET', turn) == holder then
    redis.call('DEL', turn)
end
