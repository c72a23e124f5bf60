-- Give a frozen user to this holder: nothing (has an outcome, or is not written any more), a wait (ms), or the grant.
-- keys: run plan members batches outcomes counts unfinished standing rows.unprocessed lane due done
-- keys: beats working server lease intent fence_counter
-- args: run_id user holder lease_ms settle_ms busy_ms slack_ms

local facts = redis.call('HMGET', run, 'state', 'stopping')
local member = redis.call('HGET', members, user)
if facts[1] ~= 'writing' or not member or redis.call('HEXISTS', outcomes, user) == 1 then
    return nil
end
local now = now_ms()
local held = redis.call('HGET', lease, 'holder')
if (held and held ~= holder and alive(held, now)) or not alive(holder, now) then
    return tonumber(busy_ms) -- a process that was taken for dead beats first, or nobody would find what it is at
end

local batch, place, attempts, first, frozen, flag, name =
    string.match(member, '^(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.*)$')
local left = redis.call('HMGET', intent, 'body', 'lost')
local body = left[1]
if facts[2] and not body then
    redis.call('DEL', intent)
    give_back(false)
    put_outcome({user = user, status = 'unprocessed', rows = {{'unprocessed', unprocessed_row(user, name)}}})
    let_go(user, now)
    return nil
end

-- The store restarted: what was sent in a second that it lost may still be under way, so look after that, not before.
local since = tonumber(redis.call('HGET', server, 'since_ms') or 0)
local suspect = flag == '1' or tonumber(frozen) < since
local settled = since + tonumber(settle_ms)
if suspect and not body and now < settled then
    redis.call('ZADD', due, whole(settled + slack_ms), run_id .. '\n' .. user)
    return settled - now
end

if held then
    give_back(body)
end
local fence = redis.call('INCR', fence_counter)
redis.call('HSET', lease, 'holder', holder, 'fence', fence)
redis.call('PEXPIRE', lease, lease_ms)
redis.call('SADD', working, run_id .. '\n' .. user)
redis.call('ZADD', due, whole(now + lease_ms), run_id .. '\n' .. user)
if first == '0' then
    first = whole(now)
end
attempts = tonumber(attempts) + 1
redis.call('HSET', members, user, table.concat({batch, place, attempts, first, frozen, flag, name}, '\n'))
return {redis.call('HGET', plan, user), fence, attempts, first, body or '', suspect and 1 or 0, left[2] or 0}
