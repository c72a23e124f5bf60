-- Record a user's outcome once and end everything that its write needed. 1 if it counted.
-- keys: run plan members batches outcomes counts unfinished standing lane due done working lease intent links owners journal journals history
-- keys: rows.created rows.updated rows.skipped rows.errors rows.warnings rows.excluded rows.unprocessed
-- args: run_id user holder fence outcome keep_intent_ms read_at_ms link contact owner entry

if not mine() then
    return 0
end
local counted = 0
if redis.call('HGET', run, 'state') == 'writing' and put_outcome(cjson.decode(outcome)) then
    counted = 1
    let_go(user, now_ms())
end
keep_write(entry)
if contact ~= '' then
    save_link(user, read_at_ms, link, contact, owner)
end
if keep_intent_ms == '' then
    redis.call('DEL', intent)
else
    redis.call('PEXPIRE', intent, keep_intent_ms)
end
give_back(keep_intent_ms ~= '')
return counted
