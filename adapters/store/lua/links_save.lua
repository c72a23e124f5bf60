-- Remember links (user, read time, packed JSON, contact, owner)* that no write brought.
-- keys: links owners

for at = rest, #ARGV, 5 do
    save_link(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
end
