-- Forget an intent that did not happen, but not how many writes were sent of which nothing was found.
-- keys: lease intent
-- args: holder fence lost

if mine() then
    forget_intent()
    if tonumber(lost) > 0 then
        redis.call('HSET', intent, 'lost', lost)
    end
end
