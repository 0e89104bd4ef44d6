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
-- KEYS, first of all:
--   1 records  what the names of the records of idempotency keys begin with; behind it comes the request token.
--              String with a TTL: the digest that the key was used for
-- and behind it three for each partition in the batch:
--   1 items   stream  the log of the partition
--   2 counts  hash    saved, duplicates, replayed, fenced, key_reused, full, damaged
--   3 index   what the names of its index begin with; behind it comes the bucket. Hash: digest -> stream id
--
-- ARGV:
--   1 count          number of contents
--   2 keyTtlSeconds  how long an idempotency key is remembered
--   3 locks          the key of each content's lock, one a line. String: the fencing token of whoever holds it
--   4 batch          all contents, packed: read in one call each, where a dozen arguments each took longer than the rest
--   5 isFull         1 when Redis has no room: nothing is saved and no key recorded, and what needs neither is decided;
--                    absent otherwise
-- It holds for each content, as in CONTENT:
--   1 partition  which of those in KEYS, from 0
--   2 bucket     behind the index
--   3 lockToken  the fencing token of the caller
--   4 digest     20 bytes, binary
--   5 kind       s for a string, j for a JSON value in its canonical form
--   6 content    the text
--   7 others     how many further requests one of the claims speaks for
--   8 claims     how many claims there are
-- and behind each content for each of its claims, in the order in which they came, as in CLAIM:
--   1 token     the request token
--   2 source    who claims it
--   3 keyed     1 when the token stands for an idempotency key, else 0
--   4 requests  how many requests have this token
--
-- Returns for each content the id alone, when it was appended now and no claim refused, or an array:
--   {'saved', id, source, token, reused}  appended now, for the first claim that stands
--   {'known', id, source, token, reused}  saved earlier, by whom and with which request token; when isFull and the key of
--                                         a claim is not recorded, a list of such tokens is behind reused
--   {'key_reused'}                        every claim's key was used for another content; nothing was saved
--   {'fenced', holder}                    not known, and somebody else holds the lock; nothing was saved
--   {'full'}                              not known, and isFull; nothing was saved
--   {'damaged', id}                       the index names an item that the log does not have
-- where reused lists the tokens among the claims whose key was used for another content.

local RECORDS, KEYS_EACH = KEYS[1], 3
-- Numbers have their highest byte first; a text stands behind its length.
local CONTENT = '>B Bc0 Bc0 c20 Bc0 I4c0 I4 B'
local CLAIM = '>Bc0 Bc0 B I4'
-- What stands beside a content in the log: kind, source and request token. No source has a space in it.
local META = '^%w (%S*) (.*)$'

local count, keyTtlSeconds, locks, batch, isFull = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
local at = 1

-- In one call: it takes 4 us for each that a script makes.
local names = {}
for name in locks:gmatch('[^\n]+') do names[#names + 1] = name end
local holders = count > 0 and redis.call('MGET', unpack(names))

local function nextClaim()
  local token, source, keyed, requests
  token, source, keyed, requests, at = struct.unpack(CLAIM, batch, at)
  return token, source, keyed == 1, requests
end

local function skipClaims(n) for _ = 1, n do nextClaim() end end

-- Counts of all contents together, so that each is written once.
local sums = {}
local function tally(counts, name, n)
  if n == 0 then return end
  local sum = sums[counts] or {}
  sum[name] = (sum[name] or 0) + n
  sums[counts] = sum
end

-- Whether the key was used for another content; if it never was, it is now used for this one. Nil when there is no room.
local function isReused(token, digest)
  local usedFor = redis.call('GET', RECORDS .. token)
  if usedFor then return usedFor ~= digest end
  if isFull then return nil end
  redis.call('SET', RECORDS .. token, digest, 'EX', keyTtlSeconds)
  return false
end

local function decideNext(holder)
  local partition, bucket, lockToken, digest, kind, content, others, claims
  partition, bucket, lockToken, digest, kind, content, others, claims, at = struct.unpack(CONTENT, batch, at)
  local k = 1 + partition * KEYS_EACH
  local items, counts, index = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3] .. bucket

  local id = redis.call('HGET', index, digest)
  local creator, source
  if id then
    local entry = redis.call('XRANGE', items, id, id)[1]
    if not entry then
      skipClaims(claims)
      tally(counts, 'damaged', 1)
      return { 'damaged', id }
    end
    source, creator = entry[2][4]:match(META)
  elseif isFull then
    skipClaims(claims)
    tally(counts, 'full', 1)
    return { 'full' }
  elseif holder and holder ~= lockToken then
    -- An absent lock is no reason to refuse: nobody else is at it, and the index has decided already.
    skipClaims(claims)
    tally(counts, 'fenced', 1)
    return { 'fenced', holder }
  end

  local reused, refused, standing, byCreator = {}, 0, 0, 0
  local unrecorded, turnedAway = {}, 0
  for _ = 1, claims do
    local token, claimant, keyed, requests = nextClaim()
    local usedElsewhere = keyed and isReused(token, digest)
    if usedElsewhere == nil then
      unrecorded[#unrecorded + 1] = token
      turnedAway = turnedAway + requests
    elseif usedElsewhere then
      reused[#reused + 1] = token
      refused = refused + requests
    else
      -- Nobody has saved it: the first claim that stands does.
      if not creator then creator, source = token, claimant end
      if token == creator then byCreator = byCreator + requests end
      standing = standing + requests
    end
  end
  tally(counts, 'full', turnedAway)
  tally(counts, 'key_reused', refused)
  if #reused == claims then return { 'key_reused' } end

  tally(counts, 'duplicates', standing - byCreator + others)
  if id then
    tally(counts, 'replayed', byCreator)
    if turnedAway > 0 then return { 'known', id, source, creator, reused, unrecorded } end
    return { 'known', id, source, creator, reused }
  end
  id = redis.call('XADD', items, '*', 'c', content, 'm', kind .. ' ' .. source .. ' ' .. creator)
  redis.call('HSET', index, digest, id)
  tally(counts, 'saved', 1)
  tally(counts, 'replayed', byCreator - 1)
  if #reused == 0 then return id end
  return { 'saved', id, source, creator, reused }
end

local verdicts = {}
for i = 1, count do verdicts[i] = decideNext(holders[i]) end
for counts, sum in pairs(sums) do
  for name, n in pairs(sum) do redis.call('HINCRBY', counts, name, n) end
end
return verdicts
