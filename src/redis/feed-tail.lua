#!lua flags=allow-oom
-- Tells how far the logs of some partitions go.
--
-- It writes a mark on every path: a WAIT behind a script that wrote nothing waits for nothing. Everything in these logs
-- was written before the mark, so who has the mark has all of it. A full Redis must go on telling what it has.
--
-- KEYS, first of all:
--   1 mark  string  says nothing, and stays
-- and behind it two for each partition:
--   1 items   stream  the log
--   2 counts  hash    saved
--
-- Takes no ARGV. Returns one array for each partition:
--   {saved, id}  how many items were ever saved, and the last entry that is there; '' when there is none

local KEYS_BEFORE, KEYS_EACH = 1, 2

redis.call('SET', KEYS[1], '1')
local tails = {}
for k = KEYS_BEFORE, #KEYS - 1, KEYS_EACH do
  local items, counts = KEYS[k + 1], KEYS[k + 2]
  local last = redis.call('XREVRANGE', items, '+', '-', 'COUNT', 1)[1]
  tails[#tails + 1] = { redis.call('HGET', counts, 'saved') or '0', last and last[1] or '' }
end
return tails
