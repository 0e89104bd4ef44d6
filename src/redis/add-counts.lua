#!lua flags=allow-oom
-- Adds to a count of answers. A full Redis answers duplicates, and so must count them: a number that grows takes no room.
--
-- KEYS:
--   1 counts  hash  duplicates, replayed
--
-- ARGV:
--   1 name  of the count
--   2 more  how many
--
-- Returns what it is now.

local counts = KEYS[1]
local name, more = ARGV[1], ARGV[2]

return redis.call('HINCRBY', counts, name, more)
