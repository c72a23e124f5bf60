-- Claim contact and addresses for this grant, all or none. Keys of claims, then of marks, follow the arguments.
-- A claim stands while its holder lives and has its lease, and while an intent of its fence is unresolved.
-- Answers what is known at this moment: the time, the read time of the user's link, the last write of others.
-- keys: lease intent beats links
-- args: holder fence user lease_ms claims

if not mine() then
    return nil
end
local now, last = now_ms(), rest + tonumber(claims) - 1
for at = rest, last do
    local value = redis.call('GET', ARGV[at])
    if value then
        local other_lease, other_intent, other_fence = string.match(value, '^(.-)\n(.-)\n(.*)$')
        if other_lease ~= lease then
            local held = redis.call('HMGET', other_lease, 'holder', 'fence')
            if held[2] == other_fence and alive(held[1], now) then
                return nil
            end
            if redis.call('HGET', other_intent, 'fence') == other_fence then
                return nil
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

local others_wrote = 0
for at = last + 1, #ARGV do
    local at_ms, writer = string.match(redis.call('GET', ARGV[at]) or '', '^(.-)\n(.*)$')
    if writer and writer ~= lease then
        others_wrote = math.max(others_wrote, tonumber(at_ms))
    end
end
local applied_read = string.match(redis.call('HGET', links, user) or '', '^[^\n]+')
return {now, applied_read or '', others_wrote}
