-- Settle users (user, packed decision, "instance, newline, contact" or empty, tenant, until or empty, row or empty)*.
-- Answers nothing, or "connector/user" to whom a contact was given before, and then nothing is saved.
-- keys: decisions ends given standing
-- args: connector

local WIDTH, now = 6, whole(now_ms())
for at = rest, #ARGV, WIDTH do
    local held = ARGV[at + 2] ~= '' and redis.call('HGET', given, ARGV[at + 2])
    if held then
        local of, _, user, till = string.match(held, '^(.-)\n(.-)\n(.-)\n(.*)$')
        local stands = till == '' or tonumber(till) > tonumber(now)
        if stands and (of ~= connector or user ~= ARGV[at]) then
            return of .. '/' .. user
        end
    end
end
for at = rest, #ARGV, WIDTH do
    local user, place, till, row = ARGV[at], ARGV[at + 2], ARGV[at + 4], ARGV[at + 5]
    take_back(user)
    redis.call('HSET', decisions, user, ARGV[at + 1])
    if till ~= '' then
        redis.call('ZADD', ends, till, user)
    end
    if place ~= '' then
        redis.call('HSET', given, place, connector .. '\n' .. ARGV[at + 3] .. '\n' .. user .. '\n' .. till)
        redis.call('HSET', given, connector .. '\n\n' .. user, place)
    end
    if row ~= '' then
        redis.call('HSETNX', standing, user, '{"since_ms":' .. now .. ',"kind":"retry","row":' .. row .. '}')
    end
end
return false
