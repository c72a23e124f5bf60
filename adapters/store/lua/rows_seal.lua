-- Put a chunk into the place of the loose rows that it was made of, if nobody did before.
-- keys: run list chunks
-- args: sealed_before count chunk

if redis.call('EXISTS', run) == 0 or redis.call('LLEN', chunks) ~= tonumber(sealed_before) then
    return 0
end
redis.call('LTRIM', list, count, -1)
redis.call('RPUSH', chunks, chunk)
return 1
