-- Forget the events of those of these users that have no link.
-- keys: links history

for position = rest, #ARGV do
    if redis.call('HEXISTS', links, ARGV[position]) == 0 then
        redis.call('HDEL', history, ARGV[position])
    end
end
return 1
