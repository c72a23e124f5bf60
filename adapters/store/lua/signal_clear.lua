-- Forget a signal that was dealt with, unless it has come again since.
-- keys: signals
-- args: signal at_ms

if redis.call('HGET', signals, signal) == at_ms then
    redis.call('HDEL', signals, signal)
end
