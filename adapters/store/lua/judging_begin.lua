-- Take a run whose read is complete from reading to judging.
-- keys: run

local facts = redis.call('HMGET', run, 'state', 'read_complete')
if facts[1] == 'reading' and facts[2] then
    redis.call('HSET', run, 'state', 'judging')
    return 1
end
return facts[1] == 'judging' and 1 or 0
