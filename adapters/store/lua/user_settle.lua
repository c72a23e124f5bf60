-- Record what an earlier holder's intent proved to be, under the intent's run if that is still open. The lease stays.
-- keys: run plan members batches outcomes counts unfinished standing lane due done lease intent links owners journal journals history
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed
-- args: run_id user holder fence outcome read_at_ms link contact owner entry

if not mine() then
    return 0
end
local found = cjson.decode(outcome)
local state = redis.call('HGET', run, 'state')
if state == 'writing' and put_outcome(found) then
    let_go(user, now_ms())
elseif not state and found.event then
    note_event(user, found.event) -- the run's report is closed and says that it failed; the write has happened all the same
end
keep_write(entry)
if contact ~= '' then
    save_link(user, read_at_ms, link, contact, owner)
end
redis.call('DEL', intent)
return 1
