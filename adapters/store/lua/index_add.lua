-- Index contacts (id, packed JSON)*, then (look-up key, id)*, and note how far the index is.
-- keys: run index index_keys
-- args: holder contacts note progress

if redis.call('HGET', run, 'index_holder') ~= holder then
    return 0
end
take('index', now_ms())
redis.call('HSET', run, note, progress)
local position = rest
for _ = 1, tonumber(contacts) do
    redis.call('HSET', index, ARGV[position], ARGV[position + 1])
    position = position + 2
end
for at = position, #ARGV, 2 do
    local key, id = ARGV[at], ARGV[at + 1]
    if redis.call('HSETNX', index_keys, key, id) == 0 then
        local ids = redis.call('HGET', index_keys, key)
        if not string.find('\n' .. ids .. '\n', '\n' .. id .. '\n', 1, true) then
            redis.call('HSET', index_keys, key, ids .. '\n' .. id)
        end
    end
end
return 1
