-- Stop a run; the first reason stands. What waits in the spool is taken off by plan_drain.
-- keys: run
-- args: reason error_row

if redis.call('EXISTS', run) == 1 and redis.call('HSETNX', run, 'stopping', reason) == 1 and error_row ~= '' then
    redis.call('HSET', run, 'error', error_row)
end
