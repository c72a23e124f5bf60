-- Give due users to a new run: they leave the waiting ones in the step that writes the run. A user that an open event run
-- has stays, so that no two runs are at one user; with too many open event runs all stay.
-- The run's fields follow; its request is told in two halves, between which the users' ids belong.
-- Answers how many were taken, and in how many ms to look again (-1: nothing is left).
-- keys: run marker report open changed in_runs changes_due changes_taken
-- args: run_id connector_id most_users most_runs window_ms request_head request_tail

local now = now_ms()
local due = tonumber(redis.call('ZSCORE', changes_due, connector_id) or 0)
if due == 0 or due > now or redis.call('EXISTS', run, marker, report) > 0 then
    return {0, -1}
end

local held, runs, count, held_count = {}, {}, 0, 0
local entries = redis.call('HGETALL', in_runs)
for position = 1, #entries, 2 do
    local user_id, holder = entries[position], entries[position + 1]
    if runs[holder] == nil then
        runs[holder] = redis.call('ZSCORE', open, holder) and true or false
        if runs[holder] then
            count = count + 1
        end
    end
    if runs[holder] then
        held[user_id] = true
        held_count = held_count + 1
    else
        redis.call('HDEL', in_runs, user_id)
    end
end

local users = {}
if count < tonumber(most_runs) then
    for _, user_id in ipairs(redis.call('ZRANGE', changed, 0, held_count + most_users - 1)) do
        if #users == tonumber(most_users) then
            break
        end
        if not held[user_id] then
            users[#users + 1] = user_id
        end
    end
end
if #users > 0 then
    for _, user_id in ipairs(users) do
        redis.call('ZREM', changed, user_id)
        redis.call('HSET', in_runs, user_id, run_id)
    end
    for field = rest, #ARGV, 2 do
        redis.call('HSET', run, ARGV[field], ARGV[field + 1])
    end
    redis.call('HSET', run, 'request', request_head .. '"' .. table.concat(users, '", "') .. '"' .. request_tail,
        'requested_at_ms', whole(now))
    redis.call('ZADD', open, whole(now), run_id)
    redis.call('HSET', changes_taken, connector_id, whole(now))
end
if redis.call('EXISTS', changed) == 0 then
    redis.call('ZREM', changes_due, connector_id)
    return {#users, -1}
end
redis.call('ZADD', changes_due, whole(now + window_ms), connector_id)
return {#users, tonumber(window_ms)}
