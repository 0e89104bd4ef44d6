-- Decides a batch of contents atomically: appends what is new, and finds what is known.
--
-- This script is where uniqueness is decided. It writes on every path, if only a count: a WAIT behind a script that
-- wrote nothing waits for nothing (Redis 7.2 and later move a client's write offset on writes only).
--
-- KEYS, four for each content:
--   1 lock    string  the value is the fencing token of whoever holds the content
--   2 index   hash    digest -> stream id
--   3 items   stream  the log of the partition
--   4 counts  hash    saved, duplicates, replayed, fenced, key_reused, damaged
-- and behind all of them, for each content with keyed = 1, in order:
--   1 record  string  the digest that this idempotency key was used for
--
-- ARGV:
--   1 number of contents
--   2 seconds that an idempotency key is remembered
-- and then six for each content:
--   1 lockToken  the fencing token of the caller
--   2 digest     20 bytes, binary
--   3 token      the request token
--   4 keyed      1 when the token stands for an idempotency key, else 0
--   5 source     who saves
--   6 content    the text
--
-- Returns one array for each content:
--   {'saved', id}                 appended now
--   {'known', id, source, token}  saved earlier, by whom and with which request token
--   {'fenced'}                    somebody else holds the lock; nothing was saved
--   {'key_reused'}                the idempotency key was used for another content; nothing was saved
--   {'damaged', id}               the index names an item that the log does not have

local KEYS_EACH, ARGS_EACH, HEAD = 4, 6, 2
local count, keyTtlSeconds = tonumber(ARGV[1]), ARGV[2]
local nextRecord = count * KEYS_EACH + 1

local function decide(lock, index, items, record, lockToken, digest, token, source, content)
  local holder = redis.call('GET', lock)
  -- An absent lock is no reason to refuse: nobody else is at it, and the index below decides anyway.
  if holder and holder ~= lockToken then return 'fenced', { 'fenced' } end
  if record then
    local usedFor = redis.call('GET', record)
    if usedFor and usedFor ~= digest then return 'key_reused', { 'key_reused' } end
    if not usedFor then redis.call('SET', record, digest, 'EX', keyTtlSeconds) end
  end
  local id = redis.call('HGET', index, digest)
  if not id then
    id = redis.call('XADD', items, '*', 'c', content, 'k', 's', 't', token, 's', source)
    redis.call('HSET', index, digest, id)
    return 'saved', { 'saved', id }
  end
  local entry = redis.call('XRANGE', items, id, id)[1]
  if not entry then return 'damaged', { 'damaged', id } end
  local fields = entry[2]
  local savedToken, savedSource = fields[6], fields[8]
  return savedToken == token and 'replayed' or 'duplicates', { 'known', id, savedSource, savedToken }
end

local verdicts = {}
for i = 1, count do
  local k, a = (i - 1) * KEYS_EACH, HEAD + (i - 1) * ARGS_EACH
  local keyed, record = ARGV[a + 4] == '1', nil
  if keyed then
    record = KEYS[nextRecord]
    nextRecord = nextRecord + 1
  end
  local counts, counted = KEYS[k + 4], nil
  counted, verdicts[i] = decide(KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], record,
    ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 5], ARGV[a + 6])
  redis.call('HINCRBY', counts, counted, 1)
end
return verdicts
