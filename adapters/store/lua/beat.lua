-- Tell that a process is alive, and for how long that counts.
-- keys: beats
-- args: incarnation dead_ms

redis.call('HSET', beats, incarnation, whole(now_ms() + dead_ms))
