-- Put an alert in, once.
-- keys: outbox
-- args: alert

redis.call('ZADD', outbox, 'NX', whole(now_ms()), alert)
