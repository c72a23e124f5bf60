-- End a run in one step: its report stays, everything else of it goes. Refused while a user has no outcome.
-- keys: run entries pages index index_keys spool plan members batches outcomes counts unfinished standing open closed closed_of marker report connector_lease watermarks lane turns lanes done outbox kept kept_number totals successes endings
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed rows.held
-- keys: chunks.created chunks.updated chunks.skipped chunks.errors chunks.warnings chunks.excluded chunks.unprocessed chunks.held
-- keys: report_rows.created report_rows.updated report_rows.skipped report_rows.errors report_rows.warnings report_rows.excluded report_rows.unprocessed report_rows.held
-- keys: report_chunks.created report_chunks.updated report_chunks.skipped report_chunks.errors report_chunks.warnings report_chunks.excluded report_chunks.unprocessed report_chunks.held
-- args: run_id connector_id lane_name head plan watermark forget settles alert marker_ms result success_at_ms ending

local facts = redis.call('HMGET', run, 'state', 'dry_run', 'error')
if not facts[1] or (facts[1] == 'writing' and not complete()) then
    return 0
end
local now = now_ms()
local dry = facts[2] == '1'

local function add_total(family, what, times)
    redis.call('HINCRBY', totals, family .. '\n' .. connector_id .. '\n' .. what, times)
end

add_total('runs', result .. '\n' .. tostring(dry), 1)
if not dry then
    local counted = redis.call('HGETALL', counts)
    local deactivated = redis.call('HGET', counts, 'deactivated') or 0
    for position = 1, #counted, 2 do
        local name, times = counted[position], counted[position + 1]
        local code = string.match(name, '^rows%.errors%.(.+)$')
        if code then
            add_total('errors', code, times)
        elseif name == 'deactivated' or name == 'created' then
            add_total('changes', name, times)
        elseif name == 'updated' then
            add_total('changes', name, times - deactivated)
        end
        if name ~= 'deactivated' and not string.find(name, '.', 1, true) then
            add_total('users', name, times)
        end
    end
    if facts[3] then
        add_total('errors', cjson.decode(facts[3]).code or '', 1)
    end
    if ending ~= '' then
        redis.call('HSET', endings, connector_id, ending)
    end
    if success_at_ms ~= '' and tonumber(redis.call('HGET', successes, connector_id) or 0) < tonumber(success_at_ms) then
        redis.call('HSET', successes, connector_id, success_at_ms)
    end
end

if facts[3] then
    redis.call('LPUSH', rows.errors, facts[3])
end
for kind, key in pairs(rows) do
    if redis.call('EXISTS', key) == 1 then
        redis.call('RENAME', key, report_rows[kind])
    end
    if redis.call('EXISTS', chunks[kind]) == 1 then
        redis.call('RENAME', chunks[kind], report_chunks[kind])
    end
end
if plan ~= '' then
    local number = whole(redis.call('INCR', kept_number))
    head = '{"plan":' .. number .. ',' .. string.sub(head, 2)
    redis.call('HSET', report, 'plan', '{"number":' .. number .. ',' .. string.sub(plan, 2))
    redis.call('ZADD', kept, number, run_id)
end
redis.call('HSET', report, 'head', head, 'connector_id', connector_id, 'closed_at_ms', whole(now))
redis.call('ZADD', closed, whole(now), run_id)
redis.call('ZADD', closed_of, whole(now), run_id)

if not dry then
    local entries_left = redis.call('HGETALL', unfinished)
    for position = 1, #entries_left, 2 do
        local user_id, entry = entries_left[position], entries_left[position + 1]
        if entry == '' then
            if settles ~= '' then
                redis.call('HDEL', standing, user_id)
            end
        else
            local fresh, old = cjson.decode(entry), redis.call('HGET', standing, user_id)
            local since = whole(now)
            if old then
                local before = cjson.decode(old)
                if before.kind == fresh.kind then
                    since = whole(before.since_ms)
                end
            end
            redis.call('HSET', standing, user_id, '{"since_ms":' .. since .. ',' .. string.sub(entry, 2))
        end
    end
    if watermark ~= '' then
        redis.call('HSET', watermarks, connector_id, watermark)
    elseif forget ~= '' then
        redis.call('HDEL', watermarks, connector_id)
    end
end

if redis.call('GET', connector_lease) == run_id then
    redis.call('DEL', connector_lease)
end
for _, batch in ipairs(redis.call('HKEYS', batches)) do
    redis.call('ZREM', done, run_id .. '\n' .. batch)
end
end_turn()
redis.call('ZREM', open, run_id)
redis.call('SET', marker, '1', 'PX', marker_ms)
if alert ~= '' then
    redis.call('ZADD', outbox, whole(now), alert)
end
redis.call('UNLINK', run, entries, pages, index, index_keys, spool, plan, members, batches, outcomes, counts, unfinished)
return 1
