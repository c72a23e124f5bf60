-- Forget an intent that certainly did not happen.
-- keys: lease intent
-- args: holder fence

if mine() then
    redis.call('DEL', intent)
end
