-- Decides a batch of contents atomically: appends what is new, and finds what is known.
--
-- This script is where uniqueness is decided. It writes on every path, if only a count: a WAIT behind a script that
-- wrote nothing waits for nothing (Redis 7.2 and later move a client's write offset on writes only).
--
-- The index comes before the lock: what is known is answered whoever holds the content, and a lock only keeps others
-- from appending. That is as right for the records of idempotency keys: they are checked and written in the same atomic
-- step that finds the content, so no other save can come between, and the lock of one content has never kept the same
-- key from being used for another. A fenced caller's keys are not recorded, because nothing was decided for them.
--
-- KEYS, four for each content:
--   1 lock    string  the value is the fencing token of whoever holds the content
--   2 index   hash    digest -> stream id
--   3 items   stream  the log of the partition
--   4 counts  hash    saved, duplicates, replayed, fenced, key_reused, damaged
-- and behind all of them, for each claim with keyed = 1, in order:
--   1 record  string  the digest that this idempotency key was used for
--
-- ARGV:
--   1 count          number of contents
--   2 keyTtlSeconds  how long an idempotency key is remembered
-- and then for each content:
--   1 lockToken  the fencing token of the caller
--   2 digest     20 bytes, binary
--   3 kind       s for a string, j for a JSON value in its canonical form
--   4 content    the text
--   5 claims     how many claims there are
--   6 others     how many further requests one of the claims speaks for
-- and behind each content for each of its claims, in the order in which they came:
--   1 token     the request token
--   2 keyed     1 when the token stands for an idempotency key, else 0
--   3 source    who claims it
--   4 requests  how many requests have this token
--
-- Returns one array for each content:
--   {'saved', id, source, token, reused}  appended now, for the first claim that is valid
--   {'known', id, source, token, reused}  saved earlier, by whom and with which request token
--   {'key_reused'}                        every claim's key was used for another content; nothing was saved
--   {'fenced', holder}                    not known, and somebody else holds the lock; nothing was saved
--   {'damaged', id}                       the index names an item that the log does not have
-- where reused lists the tokens among the claims whose key was used for another content.

local HEAD, KEYS_EACH = 2, 4
local count, keyTtlSeconds = tonumber(ARGV[1]), ARGV[2]
local lastArgument, lastRecord = HEAD, count * KEYS_EACH

local function nextArguments(n)
  lastArgument = lastArgument + n
  return unpack(ARGV, lastArgument - n + 1, lastArgument)
end

local function nextClaims(claims)
  local list = {}
  for i = 1, claims do
    local token, keyed, source, requests = nextArguments(4)
    local claim = { token = token, source = source, requests = tonumber(requests) }
    if keyed == '1' then
      lastRecord = lastRecord + 1
      claim.record = KEYS[lastRecord]
    end
    list[i] = claim
  end
  return list
end

-- Divides the claims into those that stand and the tokens of those whose key was used for another content; and the
-- number of requests behind each.
local function checkKeys(claims, digest)
  local valid, reused, standing, refused = {}, {}, 0, 0
  for _, claim in ipairs(claims) do
    local usedFor = claim.record and redis.call('GET', claim.record)
    if usedFor and usedFor ~= digest then
      reused[#reused + 1] = claim.token
      refused = refused + claim.requests
    else
      if claim.record and not usedFor then redis.call('SET', claim.record, digest, 'EX', keyTtlSeconds) end
      valid[#valid + 1] = claim
      standing = standing + claim.requests
    end
  end
  return valid, reused, standing, refused
end

local function decide(lock, index, items, counts, lockToken, digest, kind, content, claims, others)
  local function tally(name, n) if n > 0 then redis.call('HINCRBY', counts, name, n) end end
  local id = redis.call('HGET', index, digest)
  if not id then
    local holder = redis.call('GET', lock)
    -- An absent lock is no reason to refuse: nobody else is at it, and the index has decided already.
    if holder and holder ~= lockToken then
      tally('fenced', 1)
      return { 'fenced', holder }
    end
  end
  local valid, reused, standing, refused = checkKeys(claims, digest)
  tally('key_reused', refused)
  local first = valid[1]
  if not first then return { 'key_reused' } end

  if not id then
    id = redis.call('XADD', items, '*', 'c', content, 'k', kind, 't', first.token, 's', first.source)
    redis.call('HSET', index, digest, id)
    tally('saved', 1)
    tally('replayed', first.requests - 1)
    tally('duplicates', standing - first.requests + others)
    return { 'saved', id, first.source, first.token, reused }
  end
  local entry = redis.call('XRANGE', items, id, id)[1]
  if not entry then
    tally('damaged', 1)
    return { 'damaged', id }
  end
  local token, source = entry[2][6], entry[2][8]
  local replayed = 0
  for _, claim in ipairs(valid) do if claim.token == token then replayed = replayed + claim.requests end end
  tally('replayed', replayed)
  tally('duplicates', standing - replayed + others)
  return { 'known', id, source, token, reused }
end

local verdicts = {}
for i = 1, count do
  local k = (i - 1) * KEYS_EACH
  local lockToken, digest, kind, content, claims, others = nextArguments(6)
  verdicts[i] = decide(KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + 4], lockToken, digest, kind,
    content, nextClaims(tonumber(claims)), tonumber(others))
end
return verdicts
