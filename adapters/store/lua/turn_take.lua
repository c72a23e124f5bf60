-- Be the only one who does this, for so long at most: 1, or 0 while another living process is at it.
-- keys: turn beats
-- args: holder most_ms

local held = redis.call('GET', turn)
if held and held ~= holder and alive(held, now_ms()) then
    return 0
end
redis.call('SET', turn, holder, 'PX', most_ms)
return 1
