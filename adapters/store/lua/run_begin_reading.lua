-- Take a requested run to reading, with the connector's lease. A lease whose run is no longer open is free.
-- Where as many runs as `most` go on at the instance, it waits in the order of the requests; the answer is its place.
-- Fields and values of notes follow the arguments.
-- keys: run connector_lease open going queued
-- args: run_id mode config_version exclusive home most

local function drop_closed(names, drop)
    for _, name in ipairs(names) do
        if not redis.call('ZSCORE', open, name) then
            drop(name)
        end
    end
end

local state = redis.call('HGET', run, 'state')
if not state then
    return nil
end
if state == 'requested' then
    if exclusive ~= '' then
        local holder = redis.call('GET', connector_lease)
        if holder and holder ~= run_id and redis.call('ZSCORE', open, holder) then
            redis.call('ZREM', queued, run_id)
            return holder
        end
        drop_closed(redis.call('SMEMBERS', going), function(name) redis.call('SREM', going, name) end)
        drop_closed(redis.call('ZRANGE', queued, 0, -1), function(name) redis.call('ZREM', queued, name) end)
        redis.call('ZADD', queued, 'NX', redis.call('HGET', run, 'requested_at_ms'), run_id)
        local place = redis.call('ZRANK', queued, run_id) + 1 - (tonumber(most) - redis.call('SCARD', going))
        if most ~= '0' and place > 0 then
            redis.call('HSET', run, 'note:place', place)
            return place
        end
        redis.call('ZREM', queued, run_id)
        redis.call('SADD', going, run_id)
        redis.call('SET', connector_lease, run_id)
    end
    redis.call('HSET', run, 'state', 'reading', 'mode', mode, 'config_version', config_version, 'home', home,
        'started_at_ms', whole(now_ms()))
    for field = rest, #ARGV, 2 do
        redis.call('HSET', run, ARGV[field], ARGV[field + 1])
    end
end
return redis.call('HGETALL', run)
