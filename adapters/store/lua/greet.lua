-- Note which server process answers. One that took another's place while runs were open may have lost its last second.
-- keys: server open
-- args: run_id

local known = redis.call('HGET', server, 'id')
if known ~= run_id then
    local since = 0
    if known and redis.call('EXISTS', open) == 1 then
        since = now_ms()
    end
    redis.call('HSET', server, 'id', run_id, 'since_ms', whole(since))
end
