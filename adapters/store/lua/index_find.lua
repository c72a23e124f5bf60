-- For each look-up key the ids under it; then each contact found, once: id, packed JSON.
-- keys: index index_keys

local found, contacts, seen = {}, {}, {}
for at = rest, #ARGV do
    local ids = redis.call('HGET', index_keys, ARGV[at]) or ''
    found[#found + 1] = ids
    for id in string.gmatch(ids, '[^\n]+') do
        if not seen[id] then
            seen[id] = true
            contacts[#contacts + 1] = id
            contacts[#contacts + 1] = redis.call('HGET', index, id)
        end
    end
end
return {found, contacts}
