#!lua name=adjacent_1

-- The truth of many machines: for each of 64 partitions a log of batches, in one order for everybody.
--
-- KEYS[1]  the log: a stream; the id of its n-th entry is n-0
-- KEYS[2]  its head: a hash; n is the last entry's number, c its chain, i:INCARNATION the last
--          journal number that an instance has in it
--
-- Both stand in one slot, so that a failover takes both back to the same moment. Each entry names
-- the chain of the one before it: whoever has read an order that a failover undid finds out.
--
-- A function is atomic and is not undone when it fails: what can fail is asked before anything is
-- written, and nothing after that can.

local function kind(key)
  return redis.call('TYPE', key).ok
end

local function number(text)
  return string.format('%.0f', text)
end

-- The head, or a refusal where the keys hold something else.
local function head_of(keys, incarnation)
  local log, head = kind(keys[1]), kind(keys[2])
  if (log ~= 'none' and log ~= 'stream') or (head ~= 'none' and head ~= 'hash') then
    return nil, redis.error_reply('FOREIGN these keys hold something that is not ours')
  end
  if log == 'none' and head == 'hash' then
    return nil, redis.error_reply('LOST the log is gone and its head is not')
  end
  local known = redis.call('HMGET', keys[2], 'n', 'c', 'i:' .. incarnation)
  return { n = tonumber(known[1] or '0'), c = known[2] or '', applied = tonumber(known[3] or '0') }
end

-- Takes the entry behind the head's last one into the head, if it continues it.
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

-- ARGV: incarnation, first and last journal number of the batch, the batch. Answers how it fits, the
-- last number applied, the length of the log.
local append
append = function(keys, args, healed)
  local first, last = tonumber(args[2]), tonumber(args[3])
  local head, refusal = head_of(keys, args[1])
  if refusal then
    return refusal
  end
  if not first or not last or last < first then
    return redis.error_reply('FOREIGN a batch without its numbers')
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
  local added = redis.pcall('XADD', keys[1], n .. '-0', 'i', args[1], 'f', args[2], 'l', args[3], 'p', head.c, 'c', chain, 'b', args[4])
  if type(added) == 'table' and added.err then
    -- An entry that its head does not know: whatever stopped a batch between its two commands. It is
    -- in the log, so it is taken into the head, and this one is looked at again.
    if healed or not heal(keys, head, n) then
      return added
    end
    return append(keys, args, true)
  end
  redis.call('HSET', keys[2], 'i:' .. args[1], args[3], 'n', n, 'c', chain)
  return { 'NEXT', last, head.n + 1 }
end

-- ARGV: the number after which to read, how many entries at the most. Answers the log's length, its
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

-- The chain with the n-th entry; nothing where it is not in the log any more.
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

-- KEYS[3] the bases: a hash; fn, fc and fb are the number, the chain and the sums of the first, with
--         which the log begins; ln, lc and lb those of the last, from which a start reads on.
-- ARGV: f or l. Answers the three, or nothing.
local function base(keys, args)
  local held = kind(keys[3])
  if held ~= 'none' and held ~= 'hash' then
    return redis.error_reply('FOREIGN this key holds something that is not ours')
  end
  local w = args[1]
  local found = redis.call('HMGET', keys[3], w .. 'n', w .. 'c', w .. 'b')
  return found[1] and { tonumber(found[1]), found[2], found[3] } or false
end

-- ARGV: f or l, number, chain, sums. What is before a first base leaves the log, so it is refused
-- until a last one has it; and one that is not of this log is refused. Answers how it fits.
local function put_base(keys, args)
  local head, refusal = head_of(keys, '')
  if refusal then
    return refusal
  end
  local w, n = args[1], tonumber(args[2])
  local held = kind(keys[3])
  if (held ~= 'none' and held ~= 'hash') or not n or (w ~= 'f' and w ~= 'l') then
    return redis.error_reply('FOREIGN this key, or what was said of it, is not ours')
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

-- ARGV: number, chain and sums of a base of another store, then each process start in it with its
-- last journal number. Begins an empty partition there: the log goes on behind that base.
local function begin(keys, args)
  local head, refusal = head_of(keys, '')
  if refusal then
    return refusal
  end
  local n = tonumber(args[1])
  if kind(keys[3]) ~= 'none' or kind(keys[1]) ~= 'none' or not n or n < 1 or head.n > 0 then
    return 'OTHER'
  end
  redis.call('XADD', keys[1], number(n) .. '-0', 'c', args[2])
  redis.call('XTRIM', keys[1], 'MINID', number(n + 1) .. '-0')
  redis.call('HSET', keys[2], 'n', number(n), 'c', args[2])
  for at = 4, #args - 1, 2 do
    redis.call('HSET', keys[2], 'i:' .. args[at], args[at + 1])
  end
  for _, w in ipairs({ 'f', 'l' }) do
    redis.call('HSET', keys[3], w .. 'n', number(n), w .. 'c', args[2], w .. 'b', args[3])
  end
  return 'NEXT'
end

-- ARGV: incarnation. Answers the last journal number that is in the log.
local function applied(keys, args)
  local head, refusal = head_of(keys, args[1])
  return refusal or head.applied
end

-- KEYS[1] the instances: a sorted set by the second they were last here.
-- ARGV: incarnation, how many seconds one may be silent; or an empty incarnation to look only.
-- Answers the store's time in unix milliseconds, and who is here, in the order of their numbers.
local function here(keys, args)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'zset' then
    return redis.error_reply('FOREIGN this key holds something that is not ours')
  end
  local time = redis.call('TIME')
  local now = tonumber(time[1])
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', '(' .. number(now - tonumber(args[2])))
  if args[1] ~= '' then
    redis.call('ZADD', keys[1], number(now), args[1])
  end
  local found = redis.call('ZRANGE', keys[1], 0, -1)
  table.sort(found)
  return { now * 1000 + math.floor(tonumber(time[2]) / 1000), found }
end

-- KEYS[1] the instances. ARGV: incarnation. It is gone.
local function gone(keys, args)
  return redis.call('ZREM', keys[1], args[1])
end

-- KEYS[1] the catalog: a hash; n is the last change's number, e:N each change, the rest versions.
-- ARGV: the number that the change was made on, the change, then names of versions and what they
-- hold. Answers whether it was made, and the number that is served.
local function publish(keys, args)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'hash' then
    return redis.error_reply('FOREIGN this key holds something that is not ours')
  end
  local n = tonumber(redis.call('HGET', keys[1], 'n') or '0')
  if n ~= tonumber(args[1]) then
    return { 'CONFLICT', n }
  end
  local new = number(n + 1)
  for at = 3, #args - 1, 2 do
    redis.call('HSETNX', keys[1], args[at], args[at + 1])
  end
  redis.call('HSET', keys[1], 'e:' .. new, args[2], 'n', new)
  return { 'NEXT', n + 1 }
end

-- What visitors did today; every key here ends with the day.
-- KEYS[1] visitors to look at: a sorted set by the second from which on somebody may; each other what
-- one visitor did: decisions by their time.
-- ARGV: seconds until the keys end, then for each other key its visitor's name, when it was, the
-- decision.
local function seen(keys, args)
  for _, key in ipairs(keys) do
    local held = kind(key)
    if held ~= 'none' and held ~= 'zset' then
      return redis.error_reply('FOREIGN this key holds something that is not ours')
    end
  end
  if #args ~= 1 + 3 * (#keys - 1) then
    return redis.error_reply('FOREIGN visitors without what they did')
  end
  local now = number(tonumber(redis.call('TIME')[1]))
  for of = 2, #keys do
    local at = 3 * of - 4
    redis.call('ZADD', keys[of], 'LT', args[at + 1], args[at + 2])
    redis.call('EXPIRE', keys[of], args[1])
    redis.call('ZADD', keys[1], now, args[at])
  end
  redis.call('EXPIRE', keys[1], args[1])
  return redis.status_reply('OK')
end

-- KEYS[1] what one visitor did. Answers decisions, each with its time.
local function did(keys, args)
  return redis.call('ZRANGE', keys[1], 0, -1, 'WITHSCORES')
end

-- KEYS[1] the salt of a day. ARGV: a fresh one, seconds until it ends. Answers the one that all have.
local function salt(keys, args)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'string' then
    return redis.error_reply('FOREIGN this key holds something that is not ours')
  end
  redis.call('SET', keys[1], args[1], 'NX', 'EX', args[2])
  return redis.call('GET', keys[1])
end

-- KEYS[1] visitors to look at. ARGV: for how many seconds they must have been quiet, for how many they
-- are the caller's alone, how many at the most. Answers names, each with the second that is the fence.
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

-- KEYS[1] visitors to look at. ARGV: a name and its fence. Whoever still has the fence is done.
local function done(keys, args)
  local score = redis.call('ZSCORE', keys[1], args[1])
  if score and number(tonumber(score)) == args[2] then
    return redis.call('ZREM', keys[1], args[1])
  end
  return 0
end

-- KEYS[1] what a machine is asked for: a sorted set of decisions by when. ARGV: a decision, seconds
-- until all of it ends. A machine that takes nothing is asked no more after a while.
local function ask(keys, args)
  local held = kind(keys[1])
  if held ~= 'none' and held ~= 'zset' then
    return redis.error_reply('FOREIGN this key holds something that is not ours')
  end
  local now = tonumber(redis.call('TIME')[1])
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', number(now - tonumber(args[2])))
  if redis.call('ZCARD', keys[1]) < 1000 then
    redis.call('ZADD', keys[1], number(now), args[1])
    redis.call('EXPIRE', keys[1], args[2])
  end
  return redis.status_reply('OK')
end

-- KEYS[1] what a machine is asked for. Takes the oldest of it away and answers with that.
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
redis.register_function('adjacent_1_append', function(keys, args) return append(keys, args) end)
redis.register_function { function_name = 'adjacent_1_read', callback = read, flags = { 'no-writes' } }
redis.register_function { function_name = 'adjacent_1_applied', callback = applied, flags = { 'no-writes' } }
redis.register_function { function_name = 'adjacent_1_base', callback = base, flags = { 'no-writes' } }
-- Whoever is full is helped by it.
redis.register_function { function_name = 'adjacent_1_put_base', callback = put_base, flags = { 'allow-oom' } }
redis.register_function('adjacent_1_begin', begin)
redis.register_function('adjacent_1_here', here)
redis.register_function { function_name = 'adjacent_1_gone', callback = gone, flags = { 'allow-oom' } }
