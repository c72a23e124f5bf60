-- Say that the index is complete, and when its read began.
-- keys: run
-- args: holder read_at_ms

if redis.call('HGET', run, 'index_holder') ~= holder then
    return 0
end
redis.call('HSET', run, 'index_at_ms', read_at_ms)
redis.call('HDEL', run, 'index_holder')
return 1
