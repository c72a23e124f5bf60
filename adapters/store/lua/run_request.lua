-- Write a run as requested, once; with a tick only if the connector's schedule still stands where the caller saw it.
-- keys: run marker report open ticks
-- args: run_id connector_id tick_expected tick_new

if redis.call('EXISTS', run, marker, report) > 0 then
    return 0
end
if tick_new ~= '' then
    if (redis.call('HGET', ticks, connector_id) or '0') ~= tick_expected then
        return 0
    end
    redis.call('HSET', ticks, connector_id, tick_new)
end
local now = now_ms()
for field = rest, #ARGV, 2 do
    redis.call('HSET', run, ARGV[field], ARGV[field + 1])
end
if redis.call('HGET', run, 'requested_at_ms') == '0' then
    redis.call('HSET', run, 'requested_at_ms', whole(now))
end
redis.call('ZADD', open, whole(now), run_id)
return 1
