-- Replace the incidents if nobody has meanwhile; the facts that they took in go, messages come, each once.
-- keys: incidents outbox messages
-- args: version state facts

if (redis.call('HGET', incidents, 'version') or '0') ~= version then
    return 0
end
redis.call('HSET', incidents, 'version', whole(version + 1), 'state', state)
local now = now_ms()
for position = rest, #ARGV do
    if position < rest + facts then
        redis.call('ZREM', outbox, ARGV[position])
    else
        redis.call('ZADD', messages, 'NX', whole(now), ARGV[position])
    end
end
return 1
