-- Store a page and the step that follows it, once, while its generation is being read.
-- keys: run entries pages
-- args: generation page meta last

local facts = redis.call('HMGET', run, 'state', 'generation')
if facts[1] ~= 'reading' or facts[2] ~= generation then
    return 0
end
if redis.call('HSETNX', pages, page, meta) == 0 then
    return 0
end
for field = rest, #ARGV, 2 do
    redis.call('HSET', entries, ARGV[field], ARGV[field + 1])
end
if last ~= '' then
    redis.call('HSET', run, 'read_complete', '1')
end
return 1
