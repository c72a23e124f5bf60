-- Stop an instance for so long; a longer pause that stands is not shortened.
-- keys: pause
-- args: pause_ms

local till = now_ms() + pause_ms
if till > tonumber(redis.call('GET', pause) or 0) then
    redis.call('SET', pause, whole(till), 'PX', pause_ms)
end
