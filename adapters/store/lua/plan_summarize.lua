-- Seal a batch. Answers again, done or last, and the length of each list of rows, and of the journal, not sealed yet.
-- keys: run spool batches done journal
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed
-- args: run_id batch

if redis.call('HGET', run, 'state') ~= 'writing' then
    return nil
end
local left = redis.call('HGET', batches, batch)
if left and tonumber(left) > 0 then
    return {'again'}
end
redis.call('HDEL', batches, batch)
redis.call('ZREM', done, run_id .. '\n' .. batch)
local answer = {complete() and 'last' or 'done'}
for kind, key in pairs(rows) do
    answer[#answer + 1] = kind
    answer[#answer + 1] = redis.call('LLEN', key)
end
answer[#answer + 1] = 'journal'
answer[#answer + 1] = redis.call('LLEN', journal)
return answer
