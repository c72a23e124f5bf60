-- Start the contact index over under this holder. A sealed one stands, so that a late copy cannot empty it.
-- keys: run index index_keys beats
-- args: holder lapse_ms keep note

local facts = redis.call('HMGET', run, 'state', 'index_at_ms')
if (facts[1] ~= 'reading' and facts[1] ~= 'judging') or tonumber(facts[2] or 0) > 0 then
    return 0
end
local now = now_ms()
if not may_take('index', lapse_ms, now) then
    return 0
end
if keep == '' then
    redis.call('UNLINK', index, index_keys)
    redis.call('HDEL', run, note)
end
take('index', now)
return 1
