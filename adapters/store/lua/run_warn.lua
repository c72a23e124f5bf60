-- Append warnings (JSON)* to a run that is being written, and take a note on, where nobody has done so before. 1 if done.
-- keys: run counts rows.warnings
-- args: note expected value

if redis.call('HGET', run, 'state') ~= 'writing' or (redis.call('HGET', run, note) or '') ~= expected then
    return 0
end
redis.call('HSET', run, note, value)
for position = rest, #ARGV do
    redis.call('RPUSH', rows.warnings, ARGV[position])
    redis.call('HINCRBY', counts, 'rows.warnings', 1)
end
return 1
