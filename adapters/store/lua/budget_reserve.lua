-- Reserve one call: "go" after so many ms, or why not and when to come back: spent, paused, open (the breaker).
-- With them the failures in a row, and the moment for which the call is reserved.
-- One schedule for all (`next_ms`: when the next call is due at the steady rate). A call may run ahead of it by a burst;
-- bulk calls by a smaller one, so that the rest is left for targeted calls as long as those keep within their own share.
-- keys: budget pause breaker
-- args: interval_ms burst_ms bulk_burst_ms share_interval_ms share_burst_ms horizon_ms targeted rate failures probe_ms

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local streak = redis.call('HMGET', breaker, 'failures', 'probe_ms')
local failing = tonumber(streak[1] or 0)
if failing >= tonumber(failures) then
    local probe = tonumber(streak[2] or 0)
    if probe > now then
        return {'open', math.ceil(probe - now), failing, 0}
    end
    redis.call('HSET', breaker, 'probe_ms', whole(now + probe_ms))
end

local facts = redis.call('HMGET', budget, 'next_ms', 'share_ms')
local next_ms = math.max(now, tonumber(facts[1] or 0))
local share_ms = math.max(now, tonumber(facts[2] or 0))
local ahead = tonumber(bulk_burst_ms)
local within_share = targeted ~= '' and share_ms - share_burst_ms <= now
if within_share then
    ahead = tonumber(burst_ms)
end
local paused_ms = tonumber(redis.call('GET', pause) or 0)
local start = math.max(now, next_ms - ahead, paused_ms)
if start - now > tonumber(horizon_ms) then
    return {paused_ms == start and 'paused' or 'spent', math.ceil(start - now), failing, 0}
end
redis.call('HSET', budget, 'next_ms', string.format('%.3f', next_ms + interval_ms), 'rate', rate)
if within_share then
    redis.call('HSET', budget, 'share_ms', string.format('%.3f', share_ms + share_interval_ms))
end
redis.call('PEXPIRE', budget, 3600000)
return {'go', math.ceil(start - now), failing, math.ceil(start)}
