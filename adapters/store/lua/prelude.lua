-- What several scripts share. A function uses the keys that its first line names; the script declares them.

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(number)
    return string.format('%.0f', number)
end

-- beats. A holder is "incarnation/nonce"; it lives as long as its process's heartbeat does.
local function alive(holder, now)
    local incarnation = string.match(holder or '', '^(.*)/')
    local till = incarnation and redis.call('HGET', beats, incarnation)
    return till and tonumber(till) > now
end

-- run, open. The run goes on; reconcile comes back to it when this has passed.
local function due_run(at)
    redis.call('ZADD', open, 'XX', whole(at), run_id)
end

-- lease. The user's lease is this holder's, by this fence.
local function mine()
    local held = redis.call('HMGET', lease, 'holder', 'fence')
    return held[1] == holder and held[2] == fence
end

-- intent. What was about to be written is known; how many writes were lost before it is told until an outcome.
local function forget_intent()
    redis.call('HDEL', intent, 'fence', 'body')
end

-- lease, working. Gives the lease back; claims are kept where an intent still stands behind them.
local function give_back(keep_claims)
    local held = redis.call('HMGET', lease, 'fence', 'claims')
    if held[2] and not keep_claims then
        for claim in string.gmatch(held[2], '[^\n]+') do
            local value = redis.call('GET', claim)
            if value and string.match(value, '^(.-)\n') == lease then
                redis.call('DEL', claim)
            end
        end
    end
    redis.call('DEL', lease)
    redis.call('SREM', working, run_id .. '\n' .. user)
end

local MOST_EVENTS = 10

-- run, history. Keeps what this run did for a user, once; a refusal or hold as in the run before is counted, no more.
-- A line is: time (ms), run, how often, since when (ms, empty: once), kind, detail. A judging that begins anew replaces.
local function note_event(user_id, event)
    local facts = redis.call('HMGET', run, 'dry_run', 'state')
    if facts[1] == '1' then
        return
    end
    local lines = {}
    for line in string.gmatch(redis.call('HGET', history, user_id) or '', '[^\n]+') do
        local line_run, what = string.match(line, '^%d+\t(.-)\t%d+\t%d*\t(.*)$')
        if line_run == run_id and what == event then
            return
        end
        if line_run ~= run_id or facts[2] ~= 'judging' then
            lines[#lines + 1] = line
        end
    end
    local times, since = 1, ''
    local last_at, last_times, last_since, what = string.match(lines[#lines] or '', '^(%d+)\t.-\t(%d+)\t(%d*)\t(.*)$')
    if what == event and string.match(event, '^[eh]\t') then
        times, since = tonumber(last_times) + 1, last_since ~= '' and last_since or last_at
        lines[#lines] = nil
    end
    lines[#lines + 1] = table.concat({whole(now_ms()), run_id, whole(times), since, event}, '\t')
    redis.call('HSET', history, user_id, table.concat(lines, '\n', math.max(1, #lines - MOST_EVENTS + 1)))
end

-- outcomes, counts, rows.*, unfinished, standing, history. Puts down what became of a user, once; false if it is known.
local function put_outcome(outcome)
    if redis.call('HSETNX', outcomes, outcome.user, outcome.status) == 0 then
        return false
    end
    if outcome.event then
        note_event(outcome.user, outcome.event)
    end
    redis.call('HINCRBY', counts, outcome.status, 1)
    for _, row in ipairs(outcome.rows) do
        redis.call('RPUSH', rows[row[1]], row[2])
        redis.call('HINCRBY', counts, 'rows.' .. row[1], 1)
        if row[1] == 'errors' then
            redis.call('HINCRBY', counts, 'rows.errors.' .. (cjson.decode(row[2]).code or ''), 1)
        end
    end
    if outcome.deactivated then
        redis.call('HINCRBY', counts, 'deactivated', 1)
    end
    if outcome.entry then
        redis.call('HSET', unfinished, outcome.user, outcome.entry)
    elseif outcome.status ~= 'unprocessed' and redis.call('HEXISTS', standing, outcome.user) == 1 then
        redis.call('HSET', unfinished, outcome.user, '')
    end
    return true
end

-- journal, journals. Keeps what a write found and wrote under the run that announced it, open or closed.
local function keep_write(entry)
    if entry ~= '' then
        redis.call('RPUSH', journal, entry)
        redis.call('ZADD', journals, 'NX', whole(now_ms()), run_id)
    end
end

local function unprocessed_row(user_id, name)
    return cjson.encode({office365_id = user_id, user_principal_name = name})
end

-- run, members, batches, plan, lane, due, done. A frozen user is through: its place in the window is free.
local function let_go(user_id, now)
    local member = redis.call('HGET', members, user_id)
    redis.call('HDEL', plan, user_id)
    redis.call('ZREM', due, run_id .. '\n' .. user_id)
    if not member then
        return
    end
    redis.call('HDEL', members, user_id)
    redis.call('HINCRBY', run, 'pending', -1)
    redis.call('HINCRBY', lane, 'pending', -1)
    local batch = string.match(member, '^[^\n]*')
    if redis.call('HINCRBY', batches, batch, -1) == 0 then
        redis.call('ZADD', done, whole(now), run_id .. '\n' .. batch)
    end
end

-- run, spool, outcomes, counts, rows.unprocessed, plan, lane. Takes users off a stopped run's spool; true while some are left.
local function drain(most)
    local waiting = redis.call('LPOP', spool, most)
    if not waiting then
        return false
    end
    for _, entry in ipairs(waiting) do
        local user_id, name = string.match(entry, '^(.-)\n(.*)$')
        redis.call('HSET', outcomes, user_id, 'unprocessed')
        redis.call('RPUSH', rows.unprocessed, unprocessed_row(user_id, name))
        redis.call('HDEL', plan, user_id)
    end
    redis.call('HINCRBY', counts, 'unprocessed', #waiting)
    redis.call('HINCRBY', counts, 'rows.unprocessed', #waiting)
    if redis.call('HGET', run, 'state') == 'writing' then
        redis.call('HINCRBY', lane, 'waiting', -#waiting)
    end
    return redis.call('EXISTS', spool) == 1
end

-- turns, lanes. The run has nothing left to wait its turn for.
local function end_turn()
    redis.call('LREM', turns, 0, run_id)
    if redis.call('EXISTS', turns) == 0 then
        redis.call('SREM', lanes, lane_name)
    end
end

-- run, spool. Every user of a run that is being written has its outcome.
local function complete()
    local facts = redis.call('HMGET', run, 'state', 'pending')
    return facts[1] == 'writing' and tonumber(facts[2] or 0) == 0 and redis.call('EXISTS', spool) == 0
end

-- run, beats. May this holder take what another one holds (`what`_holder)? A holder lapses without activity too.
local function may_take(what, lapse_ms, now)
    local held = redis.call('HMGET', run, what .. '_holder', what .. '_seen_ms')
    if not held[1] or held[1] == '' or held[1] == holder then
        return true
    end
    return not alive(held[1], now) or tonumber(held[2]) + tonumber(lapse_ms) < now
end

local function take(what, now)
    redis.call('HSET', run, what .. '_holder', holder, what .. '_seen_ms', whole(now))
end

-- links, owners. Keeps the link of a user unless one of a newer read stands, and who owns the contact.
local function save_link(user_id, read_at_ms, blob, contact, owner)
    local old = redis.call('HGET', links, user_id)
    if old then
        local old_read, old_contact = string.match(old, '^(.-)\n(.-)\n')
        if tonumber(old_read) > tonumber(read_at_ms) then
            return
        end
        if old_contact ~= contact and redis.call('HGET', owners, old_contact) == owner then
            redis.call('HDEL', owners, old_contact)
        end
    end
    redis.call('HSET', links, user_id, read_at_ms .. '\n' .. contact .. '\n' .. blob)
    redis.call('HSET', owners, contact, owner)
end

-- ends, given, connector. The contact that was given to this user is free again, and no end is waited for.
local function take_back(user)
    redis.call('ZREM', ends, user)
    local mine = connector .. '\n\n' .. user
    local place = redis.call('HGET', given, mine)
    local held = place and redis.call('HGET', given, place)
    if held then
        local of, _, whose = string.match(held, '^(.-)\n(.-)\n(.-)\n')
        if of == connector and whose == user then
            redis.call('HDEL', given, place)
        end
    end
    redis.call('HDEL', given, mine)
end
