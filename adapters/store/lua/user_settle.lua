-- Record what an earlier holder's intent proved to be, under the intent's run if that is still open. The lease stays.
-- keys: run plan members batches outcomes counts unfinished standing lane due done lease intent links owners
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed
-- args: run_id user holder fence outcome read_at_ms link contact owner

if not mine() then
    return 0
end
if redis.call('HGET', run, 'state') == 'writing' and put_outcome(cjson.decode(outcome)) then
    let_go(user, now_ms())
end
if contact ~= '' then
    save_link(user, read_at_ms, link, contact, owner)
end
redis.call('DEL', intent)
return 1
