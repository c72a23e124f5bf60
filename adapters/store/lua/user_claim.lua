-- Claim contact and addresses for this grant, all or none. Keys of claims, then of marks, follow the arguments.
-- A claim stands while its holder lives and has its lease, and while an intent of its fence is unresolved.
-- keys: lease intent beats
-- args: holder fence lease_ms claims

if not mine() then
    return 0
end
local now, last = now_ms(), rest + tonumber(claims) - 1
for at = rest, last do
    local value = redis.call('GET', ARGV[at])
    if value then
        local other_lease, other_intent, other_fence = string.match(value, '^(.-)\n(.-)\n(.*)$')
        if other_lease ~= lease then
            local held = redis.call('HMGET', other_lease, 'holder', 'fence')
            if held[2] == other_fence and alive(held[1], now) then
                return 0
            end
            if redis.call('HGET', other_intent, 'fence') == other_fence then
                return 0
            end
        end
    end
end
for at = rest, last do
    redis.call('SET', ARGV[at], lease .. '\n' .. intent .. '\n' .. fence, 'PX', lease_ms)
end
local before = redis.call('HMGET', lease, 'claims', 'marks')
redis.call('HSET', lease,
    'claims', (before[1] or '') .. '\n' .. table.concat(ARGV, '\n', rest, last),
    'marks', (before[2] or '') .. '\n' .. table.concat(ARGV, '\n', last + 1))
redis.call('PEXPIRE', lease, lease_ms)
return 1
