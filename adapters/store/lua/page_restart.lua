-- Drop what was read and go on with the next generation.
-- keys: run entries pages
-- args: generation mode

local facts = redis.call('HMGET', run, 'state', 'generation')
if facts[1] ~= 'reading' or facts[2] ~= generation then
    return nil
end
redis.call('UNLINK', entries, pages)
redis.call('HDEL', run, 'read_complete')
if mode ~= '' then
    redis.call('HSET', run, 'mode', mode)
end
return redis.call('HINCRBY', run, 'generation', 1)
