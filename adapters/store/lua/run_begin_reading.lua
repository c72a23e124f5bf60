-- Take a requested run to reading, with the connector's lease. A lease whose run is no longer open is free.
-- Fields and values of notes follow the arguments.
-- keys: run connector_lease open
-- args: run_id mode config_version exclusive home

local state = redis.call('HGET', run, 'state')
if not state then
    return nil
end
if state == 'requested' then
    if exclusive ~= '' then
        local holder = redis.call('GET', connector_lease)
        if holder and holder ~= run_id and redis.call('ZSCORE', open, holder) then
            return holder
        end
        redis.call('SET', connector_lease, run_id)
    end
    redis.call('HSET', run, 'state', 'reading', 'mode', mode, 'config_version', config_version, 'home', home,
        'started_at_ms', whole(now_ms()))
    for field = rest, #ARGV, 2 do
        redis.call('HSET', run, ARGV[field], ARGV[field + 1])
    end
end
return redis.call('HGETALL', run)
