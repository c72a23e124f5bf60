-- Put a run down as the holder of its connector's first plan. The former one's lines go, with what its report says of
-- the same users; a plan that somebody has asked to be carried out stays.
-- keys: first_plans former
-- keys: report_rows.held report_rows.unprocessed report_chunks.held report_chunks.unprocessed
-- args: connector_id run_id expected

if (redis.call('HGET', first_plans, connector_id) or '') ~= expected then
    return 0
end
redis.call('HSET', first_plans, connector_id, run_id)
if redis.call('HEXISTS', former, 'plan') == 1 and redis.call('HEXISTS', former, 'carried_by') == 0 then
    redis.call('HSET', former, 'replaced_by', run_id)
    redis.call('UNLINK', report_rows.held, report_rows.unprocessed, report_chunks.held, report_chunks.unprocessed)
end
return 1
