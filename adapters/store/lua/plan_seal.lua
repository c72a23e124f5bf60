-- Take a judged run to writing; with users to write it gets its turn. What was read is not needed any more.
-- keys: run spool entries lane turns lanes
-- args: run_id holder lane_name

local facts = redis.call('HMGET', run, 'state', 'plan_holder')
if facts[1] == 'writing' then
    return 1
end
if facts[1] ~= 'judging' or facts[2] ~= holder then
    return 0
end
redis.call('HSET', run, 'state', 'writing', 'pending', '0')
redis.call('HDEL', run, 'plan_holder')
redis.call('UNLINK', entries)
local waiting = redis.call('LLEN', spool)
if waiting > 0 then
    redis.call('HINCRBY', lane, 'waiting', waiting)
    redis.call('RPUSH', turns, run_id)
    redis.call('SADD', lanes, lane_name)
end
return 1
