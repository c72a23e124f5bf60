-- Take a part of a stopped run's spool off as unprocessed; 1 while there is more.
-- keys: run spool outcomes counts plan rows.unprocessed lane turns lanes
-- args: run_id lane_name most

if not redis.call('HGET', run, 'stopping') then
    return 0
end
if drain(most) then
    return 1
end
end_turn()
return 0
