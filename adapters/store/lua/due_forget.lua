-- Forget that a user is due that is no frozen user (any more).
-- keys: due members
-- args: run_id user

if redis.call('HEXISTS', members, user) == 0 then
    redis.call('ZREM', due, run_id .. '\n' .. user)
end
