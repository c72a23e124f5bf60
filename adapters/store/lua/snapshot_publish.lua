-- Publish a configuration under the next version, unless the newest is the same. "again": another one came first.
-- keys: snapshots snapshot_version snapshot
-- args: current digest blob

local newest = redis.call('GET', snapshot_version) or '0'
if newest ~= current then
    return 'again'
end
local entry = redis.call('HGET', snapshots, newest)
if entry and string.match(entry, ' (.*)$') == digest then
    return tonumber(newest)
end
local version = redis.call('INCR', snapshot_version)
redis.call('SET', snapshot, blob)
redis.call('HSET', snapshots, version, whole(now_ms()) .. ' ' .. digest)
return version
