-- Set fields of an open run.
-- keys: run

if redis.call('EXISTS', run) == 0 then
    return 0
end
for field = rest, #ARGV, 2 do
    redis.call('HSET', run, ARGV[field], ARGV[field + 1])
end
return 1
