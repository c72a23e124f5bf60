-- Keep a connector's subscription, or forget it (no state); the id that it had before is no longer ours.
-- keys: subscriptions subscribed
-- args: connector_id state subscription_id

local before = redis.call('HGET', subscriptions, connector_id)
if before then
    local old = cjson.decode(before).subscription_id
    if old ~= '' and old ~= subscription_id and redis.call('HGET', subscribed, old) == connector_id then
        redis.call('HDEL', subscribed, old)
    end
end
if state == '' then
    redis.call('HDEL', subscriptions, connector_id)
    return
end
redis.call('HSET', subscriptions, connector_id, state)
if subscription_id ~= '' then
    redis.call('HSET', subscribed, subscription_id, connector_id)
end
