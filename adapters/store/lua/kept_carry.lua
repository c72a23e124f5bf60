-- Write a run as requested, and put it down as the one that carries out a kept plan.
-- The run's fields follow the arguments.
-- keys: run marker report open source
-- args: run_id expected

local facts = redis.call('HMGET', source, 'plan', 'carried_by', 'replaced_by')
if not facts[1] or (facts[2] or '') ~= expected or facts[3] or redis.call('EXISTS', run, marker, report) > 0 then
    return 0
end
local now = now_ms()
for field = rest, #ARGV, 2 do
    redis.call('HSET', run, ARGV[field], ARGV[field + 1])
end
redis.call('HSET', source, 'carried_by', run_id)
redis.call('ZADD', open, whole(now), run_id)
return 1
