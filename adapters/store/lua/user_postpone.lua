-- Give lease and claims back; the user is due when it should have come back.
-- keys: lease intent working due
-- args: run_id user holder fence due_in_ms keep_intent

if not mine() then
    return 0
end
if keep_intent == '' then
    forget_intent()
end
redis.call('ZADD', due, 'XX', whole(now_ms() + due_in_ms), run_id .. '\n' .. user)
give_back(keep_intent ~= '')
return 1
