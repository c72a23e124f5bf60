-- Note changed users. Answers in how many ms a run may take them, or nothing if that moment was told before.
-- The first one after a quiet time waits a moment for its companions, the next run then a whole window.
-- keys: changed changes_due changes_taken
-- args: connector_id gather_ms window_ms

local now = now_ms()
for at = rest, #ARGV do
    redis.call('ZADD', changed, 'NX', whole(now), ARGV[at])
end
local last = tonumber(redis.call('HGET', changes_taken, connector_id) or 0)
local due = math.max(now + tonumber(gather_ms), last + tonumber(window_ms))
if redis.call('ZADD', changes_due, 'NX', whole(due), connector_id) == 1 then
    return whole(due - now)
end
return nil
