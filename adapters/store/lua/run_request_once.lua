-- Name the run of an idempotency key, or claim the key for this one.
-- keys: request
-- args: run_id keep_ms

return redis.call('SET', request, run_id, 'NX', 'GET', 'PX', keep_ms) or run_id
