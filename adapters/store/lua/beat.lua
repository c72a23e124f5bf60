-- Tell that a process is alive, and for how long that counts; take in its calls, a batch that was taken in already not.
-- keys: beats calls calls_taken
-- args: incarnation dead_ms batch
-- rest: name and count of each

redis.call('HSET', beats, incarnation, whole(now_ms() + dead_ms))
if rest <= #ARGV and tonumber(redis.call('HGET', calls_taken, incarnation) or 0) < tonumber(batch) then
    redis.call('HSET', calls_taken, incarnation, batch)
    for position = rest, #ARGV, 2 do
        redis.call('HINCRBY', calls, ARGV[position], ARGV[position + 1])
    end
end
