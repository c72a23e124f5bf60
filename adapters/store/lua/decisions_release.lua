-- Forget decisions (user, row)*, and let the next incremental run read those users. Answers how many there were.
-- keys: decisions ends given standing
-- args: connector

local released, now = 0, whole(now_ms())
for at = rest, #ARGV, 2 do
    if redis.call('HDEL', decisions, ARGV[at]) == 1 then
        released = released + 1
        take_back(ARGV[at])
        redis.call('HSETNX', standing, ARGV[at], '{"since_ms":' .. now .. ',"kind":"retry","row":' .. ARGV[at + 1] .. '}')
    end
end
return released
