-- The digest of some buckets of an index.
--
-- KEYS:
--   1 index  what the names of the index of a partition begin with; behind it comes the bucket. Hash: digest -> id
--
-- ARGV:
--   1 first  the first bucket
--   2 last   the last bucket
--   3 to     the last id that counts
--
-- Returns in one line how many entries they have, and the digest of them.

local function parts(id)
  local ms, seq = id:match('^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local toMs, toSeq = parts(ARGV[3])
local function counts(id)
  local ms, seq = parts(id)
  return ms < toMs or (ms == toMs and seq <= toSeq)
end

local digest, n = '', 0
for bucket = ARGV[1], ARGV[2] do
  local pairsOf, list = redis.call('HGETALL', KEYS[1] .. bucket), {}
  for i = 1, #pairsOf, 2 do
    -- In hex they sort the same way in every locale; two nodes may hold one hash in different order.
    if counts(pairsOf[i + 1]) then list[#list + 1] = redis.sha1hex(pairsOf[i] .. ' ' .. pairsOf[i + 1]) end
  end
  table.sort(list)
  n = n + #list
  digest = redis.sha1hex(digest .. ' ' .. bucket .. ' ' .. table.concat(list, ' '))
end
return n .. ' ' .. digest
