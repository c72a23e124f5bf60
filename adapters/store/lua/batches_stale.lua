-- Name complete batches that nobody has sealed for so long.
-- keys: done
-- args: older_ms

return redis.call('ZRANGEBYSCORE', done, '-inf', whole(now_ms() - older_ms))
