-- Start the plan over under this holder: nothing was written before, so everything that hangs on users goes.
-- keys: run spool plan outcomes counts unfinished beats
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed rows.held
-- keys: chunks.created chunks.updated chunks.skipped chunks.errors chunks.warnings chunks.excluded chunks.unprocessed chunks.held
-- args: holder lapse_ms

if redis.call('HGET', run, 'state') ~= 'judging' then
    return 0
end
local now = now_ms()
if not may_take('plan', lapse_ms, now) then
    return 0
end
redis.call('UNLINK', spool, plan, outcomes, counts, unfinished)
for kind, key in pairs(rows) do
    redis.call('UNLINK', key, chunks[kind])
end
take('plan', now)
return 1
