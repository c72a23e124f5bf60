-- Pop users off the spool of the run whose turn it is and freeze them as a batch.
-- Answers nothing if the window is full, "again" if the turn has passed on, else the batch and its members.
-- keys: run spool plan members batches outcomes counts rows.unprocessed lane turns lanes due server
-- args: run_id lane_name size window due_ms settle_ms suspects drain_most

if redis.call('LINDEX', turns, 0) ~= run_id then
    return 'again'
end
local facts = redis.call('HMGET', run, 'state', 'stopping', 'started_at_ms', 'suspect_since_ms', 'suspect_left')
if facts[2] and drain(drain_most) then
    return 'again'
end
if facts[1] ~= 'writing' or redis.call('EXISTS', spool) == 0 then
    end_turn()
    return 'again'
end
local room = tonumber(window) - tonumber(redis.call('HGET', lane, 'pending') or 0)
if room <= 0 then
    return nil
end

local now = now_ms()
local since = tonumber(redis.call('HGET', server, 'since_ms') or 0)
local suspect_left = tonumber(facts[5] or 0)
local started = tonumber(facts[3])
if since > 0 and started < since + tonumber(settle_ms) and tonumber(facts[4] or 0) ~= since then
    -- The users that a lost second may hold were the next ones in this spool; of a run that began right after, any may be.
    suspect_left = started < since and tonumber(suspects) or 1e9
    redis.call('HSET', run, 'suspect_since_ms', whole(since))
end

local popped = redis.call('LPOP', spool, math.min(tonumber(size), room))
local batch = string.format('b%04d', redis.call('HINCRBY', run, 'batch_count', 1))
for place, entry in ipairs(popped) do
    local user_id, name = string.match(entry, '^(.-)\n(.*)$')
    local suspect = suspect_left > 0 and '1' or '0'
    suspect_left = math.max(0, suspect_left - 1)
    local member = {batch, place - 1, 0, 0, whole(now), suspect, name}
    redis.call('HSET', members, user_id, table.concat(member, '\n'))
    redis.call('ZADD', due, whole(now + due_ms), run_id .. '\n' .. user_id)
end
redis.call('HSET', run, 'suspect_left', whole(suspect_left))
redis.call('HSET', batches, batch, #popped)
redis.call('HINCRBY', run, 'pending', #popped)
redis.call('HINCRBY', lane, 'pending', #popped)
redis.call('HINCRBY', lane, 'waiting', -#popped)
redis.call('LMOVE', turns, turns, 'LEFT', 'RIGHT')
if redis.call('EXISTS', spool) == 0 then
    end_turn()
end
return {batch, popped}
