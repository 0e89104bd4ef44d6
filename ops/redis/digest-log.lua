-- Goes on with the digest of a log from where it stopped, for as long as a node may be kept from other work.
--
-- KEYS:
--   1 items   stream  the log of a partition
--
-- ARGV:
--   1 from    the first id, "-" or "(" and the last one that was read
--   2 to      the last id that counts
--   3 digest  of what was read before, "-" when nothing was
--
-- Returns in one line how many entries it read, the last one ("-" when there was none), the digest with them, and
-- whether there is "more" or this is the "end".

local MAX_US = 10000
local ENTRIES_PER_READ = 100

local function nowUs()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local from, digest, read, isEnd = ARGV[1], ARGV[3], 0, false
local endUs = nowUs() + MAX_US
repeat
  local entries = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', ENTRIES_PER_READ)
  for _, entry in ipairs(entries) do
    local parts = { digest, entry[1] }
    -- With its length, so that no two lists of fields look the same.
    for _, field in ipairs(entry[2]) do parts[#parts + 1] = #field .. ':' .. field end
    digest = redis.sha1hex(table.concat(parts, ' '))
    from = '(' .. entry[1]
  end
  read = read + #entries
  isEnd = #entries < ENTRIES_PER_READ
until isEnd or nowUs() > endUs
return read .. ' ' .. from:gsub('^%(', '') .. ' ' .. digest .. ' ' .. (isEnd and 'end' or 'more')
