#!lua name=adjacent_1

-- The fleet's event log: for each of 64 partitions a log of batches, in one order for all instances.
--
-- KEYS[1]  the log: a stream; the id of its n-th entry is n-0
-- KEYS[2]  its head: a hash; n is the last entry's number, c its hash chain, i:INCARNATION the last
--          journal number of a process start in the log
--
-- Both are in one hash slot, so that a failover rolls both back to the same moment. Each entry holds
-- the chain of its predecessor, so a reader detects when a failover rolled back entries it has read.
--
-- A function is atomic but is not rolled back when it fails: everything that can fail is checked
-- before the first write.

local function kind(key)
  return redis.call('TYPE', key).ok
end

local function number(text)
  return string.format('%.0f', text)
end

-- Reads the head; returns an error when the keys hold another type.
local function head_of(keys, incarnation)
  local log, head = kind(keys[1]), kind(keys[2])
  if (log ~= 'none' and log ~= 'stream') or (head ~= 'none' and head ~= 'hash') then
    return nil, redis.error_reply('FOREIGN key holds another type')
  end
  if log == 'none' and head == 'hash' then
    return nil, redis.error_reply('LOST log is missing but its head exists')
  end
  local known = redis.call('HMGET', keys[2], 'n', 'c', 'i:' .. incarnation)
  return { n = tonumber(known[1] or '0'), c = known[2] or '', applied = tonumber(known[3] or '0') }
end

-- Adds the entry after the head's last one to the head, if its chain continues the head's.
local function heal(keys, head, n)
  local found = redis.call('XRANGE', keys[1], n .. '-0', n .. '-0')[1]
  if not found then
    return false
  end
  local of = {}
  for at = 1, #found[2], 2 do
    of[found[2][at]] = found[2][at + 1]
  end
  if of.p ~= head.c then
    return false
  end
  redis.call('HSET', keys[2], 'i:' .. of.i, of.l, 'n', n, 'c', of.c)
  return true
end

-- ARGV: incarnation, first and last journal number of the batch, the batch, the watermark: every record
-- up to this stamp is in the log before. Returns the outcome, the last journal number applied, and the
-- length of the log.
local append
append = function(keys, args, healed)
  local first, last = tonumber(args[2]), tonumber(args[3])
  local head, refusal = head_of(keys, args[1])
  if refusal then
    return refusal
  end
  if not first or not last or last < first then
    return redis.error_reply('FOREIGN batch without journal numbers')
  end
  if first > head.applied + 1 then
    return { 'GAP', head.applied, head.n }
  end
  if last <= head.applied then
    return { 'AGAIN', head.applied, head.n }
  end
  if first <= head.applied then
    return { 'CUT', head.applied, head.n }
  end
  local n = number(head.n + 1)
  local chain = redis.sha1hex(head.c .. ' ' .. args[1] .. ' ' .. args[2] .. ' ' .. args[3] .. ' ' .. args[4])
  local added = redis.pcall('XADD', keys[1], n .. '-0', 'i', args[1], 'f', args[2], 'l', args[3], 'p', head.c, 'c', chain, 'w', args[5], 'b', args[4])
  if type(added) == 'table' and added.err then
    -- The log has an entry that the head lacks: an append stopped between its two commands. Add that
    -- entry to the head and try this batch again.
    if healed or not heal(keys, head, n) then
      return added
    end
    return append(keys, args, true)
  end
  redis.call('HSET', keys[2], 'i:' .. args[1], args[3], 'n', n, 'c', chain)
  return { 'NEXT', last, head.n + 1 }
end

-- ARGV: the entry number to read after, the maximum number of entries. Returns the log's length, its
-- chain and the entries.
local function read(keys, args)
  local head, refusal = head_of(keys, '')
  if refusal then
    return refusal
  end
  local after = tonumber(args[1])
  if after >= head.n then
    return { head.n, head.c, {} }
  end
  return { head.n, head.c, redis.call('XRANGE', keys[1], number(after + 1) .. '-0', '+', 'COUNT', args[2]) }
end

-- The chain up to the n-th entry; nil when that entry was trimmed.
local function chain_at(log, head, n)
  if n == head.n then
    return head.c
  end
  local id = number(n) .. '-0'
  local found = redis.call('XRANGE', log, id, id)[1]
  for at = 1, found and #found[2] or 0, 2 do
    if found[2][at] == 'c' then
      return found[2][at + 1]
    end
  end
end

-- KEYS[3] the bases: a hash; fn, fc and fb are the number, the chain and the sums of the first base,
--         which the log starts after; ln, lc and lb those of the last, which an instance starts after.
-- ARGV: f or l. Returns number, chain and sums, or false.
local function base(keys, args)
  local held = kind(keys[3])
  if held ~= 'none' and held ~= 'hash' then
    return redis.error_reply('FOREIGN key holds another type')
  end
  local w = args[1]
  local found = redis.call('HMGET', keys[3], w .. 'n', w .. 'c', w .. 'b')
  return found[1] and { tonumber(found[1]), found[2], found[3] } or false
end

-- ARGV: f or l, number, chain, sums. A first base trims the log up to it, so it is rejected when later
-- than the last base. A base with another chain is rejected. Returns the outcome.
local function put_base(keys, args)
  local head, refusal = head_of(keys, '')
  if refusal then
    return refusal
  end
  local w, n = args[1], tonumber(args[2])
  local held = kind(keys[3])
  if (held ~= 'none' and held ~= 'hash') or not n or (w ~= 'f' and w ~= 'l') then
    return redis.error_reply('FOREIGN key holds another type, or invalid base arguments')
  end
  if n > head.n or chain_at(keys[1], head, n) ~= args[3] then
    return 'OTHER'
  end
  local known = redis.call('HMGET', keys[3], w .. 'n', 'ln')
  if known[1] and tonumber(known[1]) >= n then
    return 'AGAIN'
  end
  if w == 'f' and (not known[2] or tonumber(known[2]) < n) then
    return 'EARLY'
  end
  redis.call('HSET', keys[3], w .. 'n', number(n), w .. 'c', args[3], w .. 'b', args[4])
  if w == 'f' then
    redis.call('XTRIM', keys[1], 'MINID', number(n + 1) .. '-0')
  end
  return 'NEXT'
end

-- Makes the log continue after a base: number n, and from args[at] on its chain, its sums, and each
-- process start in it with its last journal number.
local function start_after(keys, n, args, at)
  redis.call('XADD', keys[1], number(n) .. '-0', 'c', args[at])
  redis.call('XTRIM', keys[1], 'MINID', number(n + 1) .. '-0')
  redis.call('HSET', keys[2], 'n', number(n), 'c', args[at])
  for start = at + 2, #args - 1, 2 do
    redis.call('HSET', keys[2], 'i:' .. args[start], args[start + 1])
  end
  for _, w in ipairs({ 'f', 'l' }) do
    redis.call('HSET', keys[3], w .. 'n', number(n), w .. 'c', args[at], w .. 'b', args[at + 1])
  end
  return 'NEXT'
end

-- ARGV: number, chain and sums of a base of another store, then each process start in it with its
-- last journal number. Initialises an empty partition: its log continues after that base.
local function begin(keys, args)
  local head, refusal = head_of(keys, '')
  if refusal then
    return refusal
  end
  local n = tonumber(args[1])
  if kind(keys[3]) ~= 'none' or kind(keys[1]) ~= 'none' or not n or n < 1 or head.n > 0 then
    return 'OTHER'
  end
  return start_after(keys, n, args, 2)
end

-- ARGV: the log's length and chain as the caller has read them, then like begin. Replaces the log, which
-- has lost records, by a base that has them and everything that is in the log. Returns OTHER when the log
-- is another one by now.
local function restore(keys, args)
  local head, refusal = head_of(keys, '')
  if refusal then
    return refusal
  end
  local held, n = kind(keys[3]), tonumber(args[3])
  if held ~= 'none' and held ~= 'hash' then
    return redis.error_reply('FOREIGN key holds another type')
  end
  if head.n ~= tonumber(args[1]) or head.c ~= args[2] or not n or n <= head.n then
    return 'OTHER'
  end
  return start_after(keys, n, args, 4)
end

-- ARGV: incarnation. Returns its last journal number in the log.
local function applied(keys, args)
  local head, refusal = head_of(keys, args[1])
  return refusal or head.applied
end

-- KEYS[1] the instances: a sorted set scored by the second of the last heartbeat.
-- KEYS[2] by instance, a stamp and the last journal numbers, by partition, of its records up to that stamp.
-- ARGV: incarnation (empty: record no heartbeat), seconds after which an instance counts as dead, the
-- instance's stamp and numbers or nothing. Returns the store's time in Unix milliseconds, the live
-- instances, sorted, and all stamps with their numbers.
local function here(keys, args)
  local held, stamps = kind(keys[1]), kind(keys[2])
  if (held ~= 'none' and held ~= 'zset') or (stamps ~= 'none' and stamps ~= 'hash') then
    return redis.error_reply('FOREIGN key holds another type')
  end
  local time = redis.call('TIME')
  local now = tonumber(time[1])
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', '(' .. number(now - tonumber(args[2])))
  if args[1] ~= '' then
    redis.call('ZADD', keys[1], number(now), args[1])
    if args[3] ~= '' then
      redis.call('HSET', keys[2], args[1], args[3])
    end
  end
  local found = redis.call('ZRANGE', keys[1], 0, -1)
  table.sort(found)
  return { now * 1000 + math.floor(tonumber(time[2]) / 1000), found, redis.call('HGETALL', keys[2]) }
end

-- KEYS[1] the instances, KEYS[2] their stamps. ARGV: incarnation. Removes an instance that writes nothing
-- more.
local function gone(keys, args)
  if kind(keys[2]) == 'hash' then
    redis.call('HDEL', keys[2], args[1])
  end
  return redis.call('ZREM', keys[1], args[1])
end

-- KEYS[1] the catalog: a hash; n is the last change's number, e:N each change, r the revision of the named
-- versions of the weights, w all of those, the rest documents.
-- ARGV of both: the number that the change is based on, and what it makes; of versions, the new revision; then
-- pairs of document name and content. Returns the outcome and the current number.
local function change(keys, args, counter, new, field, first)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'hash' then
    return redis.error_reply('FOREIGN key holds another type')
  end
  local n = tonumber(redis.call('HGET', keys[1], counter) or '0')
  if n ~= tonumber(args[1]) then
    return { 'CONFLICT', n }
  end
  for at = first, #args - 1, 2 do
    redis.call('HSETNX', keys[1], args[at], args[at + 1])
  end
  redis.call('HSET', keys[1], field, args[2], counter, new)
  return { 'NEXT', tonumber(new) }
end

local function publish(keys, args)
  local new = number(args[1] + 1)
  return change(keys, args, 'n', new, 'e:' .. new, 3)
end

local function versions(keys, args)
  return change(keys, args, 'r', args[3], 'w', 4)
end

-- Visitor activity of one day; all these keys expire with the day.
-- KEYS[1] visitors to check: a sorted set of groups scored by the second from which they may be claimed.
-- Each other key: a group's events of one kind, scored by time.
-- ARGV: seconds until the keys expire, then for each other key the group's name, the event time and
-- the event. More activity delays no check, but a group with many events waits longer for the next one,
-- since a check reads all: less than a claim lasts, so that activity during a check is seen.
local function seen(keys, args)
  for _, key in ipairs(keys) do
    local held = kind(key)
    if held ~= 'none' and held ~= 'zset' then
      return redis.error_reply('FOREIGN key holds another type')
    end
  end
  if #args ~= 1 + 3 * (#keys - 1) then
    return redis.error_reply('FOREIGN visitors without their events')
  end
  local now = number(tonumber(redis.call('TIME')[1]))
  for of = 2, #keys do
    local at = 3 * of - 4
    redis.call('ZADD', keys[of], 'LT', args[at + 1], args[at + 2])
    redis.call('EXPIRE', keys[of], args[1])
    local delay = math.min(20, math.floor(redis.call('ZCARD', keys[of]) / 100))
    redis.call('ZADD', keys[1], 'LT', number(now + delay), args[at])
  end
  redis.call('EXPIRE', keys[1], args[1])
  return redis.status_reply('OK')
end

-- KEYS[1] a group's events of one kind. Returns them, each with its time.
local function did(keys, args)
  return redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')
end

-- KEYS[1] the salt of a day. ARGV: a fresh salt, seconds until it expires. Returns the salt in use.
local function salt(keys, args)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'string' then
    return redis.error_reply('FOREIGN key holds another type')
  end
  redis.call('SET', keys[1], args[1], 'NX', 'EX', args[2])
  return redis.call('GET', keys[1])
end

-- KEYS[1] visitors to check. ARGV: seconds since the first unchecked event, seconds of the caller's exclusive
-- claim, maximum count. Returns names, each with its fence (the second when the claim expires).
local function due(keys, args)
  local now = tonumber(redis.call('TIME')[1])
  local names = redis.call('ZRANGEBYSCORE', keys[1], '-inf', number(now - tonumber(args[1])), 'LIMIT', 0, args[3])
  local found = {}
  for at, name in ipairs(names) do
    local fence = number(now + tonumber(args[2]))
    redis.call('ZADD', keys[1], fence, name)
    found[at] = { name, fence }
  end
  return found
end

-- KEYS[1] visitors to check. ARGV: a name and its fence. Removes it if the fence is unchanged.
local function done(keys, args)
  local score = redis.call('ZSCORE', keys[1], args[1])
  if score and number(tonumber(score)) == args[2] then
    return redis.call('ZREM', keys[1], args[1])
  end
  return 0
end

-- KEYS[1] record requests to a data directory: a sorted set of decisions scored by request time.
-- ARGV: a decision, seconds until requests expire. At most 1,000 requests are pending.
local function ask(keys, args)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'zset' then
    return redis.error_reply('FOREIGN key holds another type')
  end
  local now = tonumber(redis.call('TIME')[1])
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', number(now - tonumber(args[2])))
  if redis.call('ZCARD', keys[1]) < 1000 then
    redis.call('ZADD', keys[1], number(now), args[1])
    redis.call('EXPIRE', keys[1], args[2])
  end
  return redis.status_reply('OK')
end

-- KEYS[1] record requests to a data directory. Removes and returns the 32 oldest.
local function asked(keys, args)
  local found = redis.call('ZRANGE', keys[1], 0, 31)
  for _, decision in ipairs(found) do
    redis.call('ZREM', keys[1], decision)
  end
  return found
end

redis.register_function('adjacent_1_ask', ask)
redis.register_function { function_name = 'adjacent_1_asked', callback = asked, flags = { 'allow-oom' } }
redis.register_function('adjacent_1_seen', seen)
redis.register_function('adjacent_1_due', due)
redis.register_function { function_name = 'adjacent_1_did', callback = did, flags = { 'no-writes' } }
redis.register_function('adjacent_1_salt', salt)
redis.register_function('adjacent_1_done', done)
redis.register_function('adjacent_1_publish', publish)
redis.register_function('adjacent_1_versions', versions)
redis.register_function('adjacent_1_append', function(keys, args) return append(keys, args) end)
redis.register_function { function_name = 'adjacent_1_read', callback = read, flags = { 'no-writes' } }
redis.register_function { function_name = 'adjacent_1_applied', callback = applied, flags = { 'no-writes' } }
redis.register_function { function_name = 'adjacent_1_base', callback = base, flags = { 'no-writes' } }
-- Trims the log, so it must run when memory is full.
redis.register_function { function_name = 'adjacent_1_put_base', callback = put_base, flags = { 'allow-oom' } }
redis.register_function('adjacent_1_begin', begin)
redis.register_function('adjacent_1_restore', restore)
redis.register_function('adjacent_1_here', here)
redis.register_function { function_name = 'adjacent_1_gone', callback = gone, flags = { 'allow-oom' } }
