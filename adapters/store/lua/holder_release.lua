-- Give up an index or a plan that is not sealed.
-- keys: run
-- args: what holder

if redis.call('HGET', run, what .. '_holder') == holder then
    redis.call('HDEL', run, what .. '_holder')
end
