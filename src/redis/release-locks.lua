-- Gives back the locks that this holder still has. Run by Redlock; not replicated, see acquire-locks.lua.
--
-- ARGV:
--   1 locks  their keys, one a line. String: the fencing token of whoever holds the content
--   2 token  of the holder
--
-- Returns how many were given back.

local locks, token = ARGV[1], ARGV[2]

local names = {}
for name in locks:gmatch('[^\n]+') do names[#names + 1] = name end

redis.set_repl(redis.REPL_NONE)
local mine = {}
for i, holder in ipairs(redis.call('MGET', unpack(names))) do
  if holder == token then mine[#mine + 1] = names[i] end
end
if #mine > 0 then redis.call('DEL', unpack(mine)) end
return #mine
