#!lua flags=allow-oom
-- Erases one item, log entry and index entry in the same step, so that its content can be saved anew.
--
-- It writes on every path, if only a count: a WAIT behind a script that wrote nothing waits for nothing. Erasing makes
-- room, so it must work in a Redis that is full: without allow-oom the count would be refused behind what was erased.
--
-- KEYS:
--   1 items   stream  the log of the partition
--   2 index   hash    digest -> stream id
--   3 counts  hash    deleted, absent, disagreed
--
-- ARGV:
--   1 id      the entry to erase
--   2 digest  20 bytes, binary: of its content as the caller read it; empty when the caller found no entry
--
-- Returns one of:
--   'erased'    both entries are gone
--   'absent'    the log has no such entry
--   'disagree'  the log has it, and the index does not lead from this digest to it; nothing was erased

local items, index, counts = KEYS[1], KEYS[2], KEYS[3]
local id, digest = ARGV[1], ARGV[2]

if #redis.call('XRANGE', items, id, id) == 0 then
  redis.call('HINCRBY', counts, 'absent', 1)
  return 'absent'
end
if redis.call('HGET', index, digest) ~= id then
  redis.call('HINCRBY', counts, 'disagreed', 1)
  return 'disagree'
end
redis.call('HDEL', index, digest)
redis.call('XDEL', items, id)
redis.call('HINCRBY', counts, 'deleted', 1)
return 'erased'
