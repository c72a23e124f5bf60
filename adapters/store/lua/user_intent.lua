-- Store what is about to be sent; claims last, and marks tell of it, as long as an older look-up may be relied upon.
-- A process whose heartbeat is stale may be taken for dead: it gives its lease back instead.
-- keys: lease intent beats working due
-- args: run_id user holder fence body not_after_ms keep_ms lease_ms

if not mine() then
    return 0
end
local now = now_ms()
if not alive(holder, now) then
    give_back(false)
    redis.call('ZADD', due, 'XX', whole(now), run_id .. '\n' .. user)
    return 0
end
redis.call('HSET', intent, 'fence', fence, 'body', body)
redis.call('PERSIST', intent)
redis.call('PEXPIRE', lease, lease_ms)
local ttl = whole(math.max(0, not_after_ms - now) + keep_ms)
local held = redis.call('HMGET', lease, 'claims', 'marks')
for claim in string.gmatch(held[1] or '', '[^\n]+') do
    redis.call('PEXPIRE', claim, ttl)
end
for mark in string.gmatch(held[2] or '', '[^\n]+') do
    redis.call('SET', mark, whole(now) .. '\n' .. lease, 'PX', ttl)
end
return 1
