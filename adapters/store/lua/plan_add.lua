-- Append planned users (id, name, packed JSON)*, outcomes with rows, users that are right already (counted, no more), and
-- rows (kind, user, JSON)* of users that are counted nowhere; whoever is excluded has nothing left to be retried.
-- keys: run spool plan outcomes counts unfinished standing history
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed rows.held
-- args: run_id holder planned results skipped noted

if redis.call('HGET', run, 'state') ~= 'judging' or redis.call('HGET', run, 'plan_holder') ~= holder then
    return 0
end
take('plan', now_ms())
local position = rest
for _ = 1, tonumber(planned) do
    local user_id = ARGV[position]
    if redis.call('HSETNX', plan, user_id, ARGV[position + 2]) == 1 then
        redis.call('RPUSH', spool, user_id .. '\n' .. ARGV[position + 1])
    end
    position = position + 3
end
for _, outcome in ipairs(cjson.decode(results)) do
    put_outcome(outcome)
end
local stand = redis.call('EXISTS', standing) == 1
local function finish(user_id)
    if stand and redis.call('HEXISTS', standing, user_id) == 1 then
        redis.call('HSET', unfinished, user_id, '')
    end
end
for at = position, position + tonumber(skipped) - 1 do
    finish(ARGV[at])
end
if tonumber(skipped) > 0 then
    redis.call('HINCRBY', counts, 'skipped', skipped)
end
for _, row in ipairs(cjson.decode(noted)) do
    redis.call('RPUSH', rows[row[1]], row[3])
    redis.call('HINCRBY', counts, 'rows.' .. row[1], 1)
    if row[1] == 'excluded' then
        finish(row[2])
    end
end
return 1
