-- Takes a lock on each of some contents, or none of them when somebody holds one. Run by Redlock.
--
-- Locks go neither to the replicas nor into the append-only file: nothing depends on them, see docs/decisions.md. A
-- batch has at most 500 of them, and unpack takes about 8,000.
--
-- ARGV:
--   1 locks  their keys, one a line. String: the fencing token of whoever holds the content
--   2 token  of who wants them
--   3 ttlMs  how long they last
--
-- Returns how many were taken: all, or 0.

local locks, token, ttlMs = ARGV[1], ARGV[2], ARGV[3]

local names = {}
for name in locks:gmatch('[^\n]+') do names[#names + 1] = name end

redis.set_repl(redis.REPL_NONE)
if redis.call('EXISTS', unpack(names)) > 0 then return 0 end
for _, name in ipairs(names) do redis.call('SET', name, token, 'PX', ttlMs) end
return #names
