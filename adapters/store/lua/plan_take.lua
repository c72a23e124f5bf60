-- Pop planned users off the spool of a plan that is not sealed; answers their packed JSON in order.
-- keys: run spool plan
-- args: holder most

if redis.call('HGET', run, 'state') ~= 'judging' or redis.call('HGET', run, 'plan_holder') ~= holder then
    return false
end
take('plan', now_ms())
local found = {}
for _, entry in ipairs(redis.call('LPOP', spool, most) or {}) do
    local user_id = string.match(entry, '^(.-)\n')
    found[#found + 1] = redis.call('HGET', plan, user_id)
    redis.call('HDEL', plan, user_id)
end
return found
