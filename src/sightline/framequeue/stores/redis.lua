-- The promise of a store, kept within Redis: each call is one step there, by the server's own clock.
--
-- KEYS[1] is <name>::state, from which all other names are made; ARGV is what to do, and of what. A key is
-- given as its text. These are kept, all under the one name:
--
--   <key>            a picture, bytes as they came; a key of another namespace has <name>: before it
--   ::key:<key>      what is known of a key: its picture (size, put, due, seq, idle, hand), its claim (token,
--                    until, worker, attempts, reason, was, asked, given), its mark (done, result)
--   ::camera:<id>    counts of a camera, as CameraUsage has them; captured; rank: its member of ::greed
--   ::order:<id>     its pictures that are in nobody's hand, in the order in which they came
--   ::greed          cameras that have such, the greediest first, of two the one of the older picture
--   ::put ::idle     pictures in nobody's hand, by when they were put, and when they were last told of
--   ::due            those that have a time to live, by its end
--   ::leases ::marks keys by the end of their lease, and by when it is forgotten that they are done
--   ::cameras        all cameras; ::state: used, hand (bytes), limit, seq, token, counts since the last sweep
--   ::staged:<call>:<n>  bytes on their way in; ::taken:<call> on their way out. They go with their time, soon
--
-- No bytes of a picture pass through here, which would copy them: they are set before, and read after.
-- Times are ms. No call looks at more than BOUND keys beyond its own: who is told that there are more calls again.

local BOUND = 500
local left = BOUND -- keys beyond its own that this call may look at
local STATE = KEYS[1]
local BASE = string.sub(STATE, 1, -6)
local NAME = string.sub(BASE, 1, -3)
local TIME = redis.call('TIME')
local NOW = tonumber(TIME[1]) * 1000 + math.floor(tonumber(TIME[2]) / 1000)
local FIELDS = {'size', 'put', 'due', 'seq', 'idle', 'hand', 'token', 'until', 'worker', 'attempts', 'reason',
                'was', 'asked', 'given', 'done', 'forget'}
local CLAIM = {'token', 'until', 'worker', 'attempts', 'reason', 'was', 'asked', 'given'}
local PICTURE = {'size', 'put', 'due', 'seq', 'idle', 'hand'}
local NUMBERS = {'size', 'put', 'due', 'seq', 'idle', 'until', 'attempts', 'forget'}

local function drop(it, fields)
  redis.call('HDEL', it.record, unpack(fields))
  for _, field in ipairs(fields) do it[field] = nil end
end

local function write(it, fields)
  local pairs_of = {}
  for field, value in pairs(fields) do
    it[field] = value
    table.insert(pairs_of, field)
    table.insert(pairs_of, value)
  end
  redis.call('HSET', it.record, unpack(pairs_of))
end

local function read(text)
  local it = {text = text, record = BASE .. 'key:' .. text, name = text}
  if string.sub(text, 1, #NAME + 1) ~= NAME .. ':' then it.name = NAME .. ':' .. text end
  it.id = string.match(text, '^[^:]+:([^:]+):')
  it.camera, it.order = BASE .. 'camera:' .. it.id, BASE .. 'order:' .. it.id
  for i, value in ipairs(redis.call('HMGET', it.record, unpack(FIELDS))) do it[FIELDS[i]] = value or nil end
  for _, field in ipairs(NUMBERS) do it[field] = tonumber(it[field]) end
  return it
end

local function lasts(it) return it.token and it.token ~= '0' and NOW < it['until'] end

-- Enters the camera anew among the greediest.
local function rank(it)
  local bytes, old = unpack(redis.call('HMGET', it.camera, 'bytes', 'rank'))
  local oldest = redis.call('ZRANGE', it.order, 0, 0, 'WITHSCORES')[2]
  local new = oldest and string.format('%016.0f:%s', tonumber(oldest), it.id)
  if old and old ~= new then redis.call('ZREM', BASE .. 'greed', old) end
  if new then
    redis.call('ZADD', BASE .. 'greed', -tonumber(bytes), new)
    if old ~= new then redis.call('HSET', it.camera, 'rank', new) end
  elseif old then
    redis.call('HDEL', it.camera, 'rank')
  end
end

-- A picture that is in nobody's hand may go for others, and goes with its time, for Redis itself as well.
local function place(it)
  redis.call('ZADD', it.order, it.seq, it.text)
  redis.call('ZADD', BASE .. 'put', it.put, it.text)
  redis.call('ZADD', BASE .. 'idle', it.idle, it.text)
  if it.due then
    redis.call('ZADD', BASE .. 'due', it.due, it.text)
    redis.call('PEXPIREAT', it.name, it.due)
  end
end

local function take_up(it)
  redis.call('ZREM', it.order, it.text)
  for _, list in ipairs({'put', 'idle', 'due'}) do redis.call('ZREM', BASE .. list, it.text) end
end

local function guard(it)
  if not it.size then return end
  if lasts(it) and not it.hand then
    take_up(it)
    redis.call('PERSIST', it.name)
    redis.call('HINCRBY', STATE, 'hand', it.size)
    write(it, {hand = '1'})
    rank(it)
  elseif it.hand and not lasts(it) then
    redis.call('HINCRBY', STATE, 'hand', -it.size)
    drop(it, {'hand'})
    place(it)
    rank(it)
  end
end

-- Drops what is known of a claim once neither picture nor lease is left.
local function forget(it)
  if it.attempts and not it.size and not lasts(it) then drop(it, CLAIM) end
end

local function leave(it, how)
  if not it.size then return false end
  redis.call('UNLINK', it.name)
  if it.hand then redis.call('HINCRBY', STATE, 'hand', -it.size) else take_up(it) end
  redis.call('HINCRBY', STATE, 'used', -it.size)
  redis.call('HINCRBY', it.camera, 'bytes', -it.size)
  redis.call('HINCRBY', it.camera, 'frames', -1)
  redis.call('HINCRBY', it.camera, how, 1)
  rank(it)
  drop(it, PICTURE)
  forget(it)
  return true
end

-- What is known of a key by now.
local function look(text)
  local it = read(text)
  if it.attempts and not lasts(it) then
    if redis.call('ZREM', BASE .. 'leases', text) == 1 then
      redis.call('HINCRBY', STATE, 'leases', 1)
      if it.size then write(it, {idle = it['until']}) end
    end
    forget(it)
    guard(it)
  end
  if it.due and it.due <= NOW and not it.hand and leave(it, 'expired') then
    redis.call('HINCRBY', STATE, 'expired', 1)
  end
  if it.done and it.forget <= NOW then
    drop(it, {'done', 'result', 'forget'})
    redis.call('ZREM', BASE .. 'marks', text)
    redis.call('HINCRBY', STATE, 'marks', 1)
  end
  return it
end

-- Whether it is there. Where Redis let go of it, as it does with another policy than noeviction, it is counted.
local function is_there(it)
  if it.size and redis.call('EXISTS', it.name) == 0 then leave(it, 'evicted') end
  return it.size
end

-- Lets go what is too old in one of the lists; says whether there may be more.
local function pass_list(list, most)
  most = math.min(most, left)
  local old = redis.call('ZRANGEBYSCORE', BASE .. list, '-inf', NOW, 'LIMIT', 0, most)
  for _, text in ipairs(old) do
    look(text)
    redis.call('ZREM', BASE .. list, text)
  end
  left = left - #old
  return #old == most
end

local function pass(most)
  local leases, due, marks = pass_list('leases', most), pass_list('due', most), pass_list('marks', most)
  return leases or due or marks
end

-- Lets pictures go until there is room, the newcomer counted: 'stored' where there is, 'more' where others must
-- go yet, 'full' where nobody may.
local function make_room(it, limit, evicted)
  local ranked = false
  while tonumber(redis.call('HGET', STATE, 'used') or 0) > limit do
    if left == 0 then return 'more' end
    if not ranked then rank(it) end
    ranked = true
    if not pass_list('due', 1) then
      local greediest = redis.call('ZRANGE', BASE .. 'greed', 0, 0)[1]
      if not greediest then return 'full' end
      local text = redis.call('ZRANGE', BASE .. 'order:' .. string.sub(greediest, 18), 0, 0)[1]
      leave(read(text), 'evicted')
      left = left - 1
      table.insert(evicted, text)
    end
  end
  return 'stored'
end

local function fits(it, size, limit)
  local in_hand = tonumber(redis.call('HGET', STATE, 'hand') or 0) - (it.hand and size or 0)
  return in_hand + size <= limit
end

local function count_in(it, size, by)
  redis.call('HINCRBY', STATE, 'used', size * by)
  redis.call('HINCRBY', it.camera, 'bytes', size * by)
end

local function refused(it, why)
  redis.call('SADD', BASE .. 'cameras', it.id)
  redis.call('HINCRBY', it.camera, 'refused', 1)
  return {why}
end

local function store(it, staged, size, ttl)
  local again = it.size
  write(it, {size = size, put = NOW, idle = NOW, seq = redis.call('HINCRBY', STATE, 'seq', 1)})
  if ttl then write(it, {due = NOW + ttl}) elseif it.due then drop(it, {'due'}) end
  redis.call('RENAME', staged, it.name)
  redis.call('PERSIST', it.name)
  redis.call('SADD', BASE .. 'cameras', it.id)
  redis.call('HSET', it.camera, 'captured', string.match(it.text, '^[^:]+:[^:]+:(%d+):'))
  if not again then
    redis.call('HINCRBY', it.camera, 'frames', 1)
    redis.call('HINCRBY', it.camera, 'stored', 1)
    if lasts(it) then redis.call('HINCRBY', STATE, 'hand', it.size) write(it, {hand = '1'}) end
  end
  if not it.hand then place(it) end
  rank(it)
end

local function put(it, staged, limit, ttl)
  local size = redis.call('STRLEN', staged)
  if it.done then return refused(it, 'done') end
  if limit and size > limit then return refused(it, 'too_large') end
  if size == 0 then return refused(it, 'full') end -- the server had no room for it
  if limit and not fits(it, size, limit) then
    local more = pass_list('leases', BOUND)
    if not fits(it, size, limit) then return more and {'more'} or refused(it, 'full') end
  end
  local answer, again = {'stored'}, it.size
  if again and not it.hand then take_up(it) end
  count_in(it, size, again and 0 or 1)
  if limit then answer[1] = make_room(it, limit, answer) end
  if answer[1] == 'stored' then
    store(it, staged, size, ttl)
    return answer
  end
  if again and not it.hand then place(it) end
  count_in(it, size, again and 0 or -1)
  rank(it)
  return answer[1] == 'full' and refused(it, 'full') or answer
end

local DO = {}

-- put, limit or '', ttl or '', <name>::staged:<call>: for numbers from 1 on, then the key of each picture. One answer
-- each: what became of it, and the keys of those that went for it. After 'more' the rest is to be put again.
function DO.put(limit, ttl, staged, ...)
  redis.call('HSET', STATE, 'limit', limit)
  pass(50)
  local answers, names, more = {}, {}, false
  for i, text in ipairs({...}) do
    names[i] = staged .. i
    if not more then answers[i] = put(look(text), names[i], tonumber(limit), tonumber(ttl)) end
    more = answers[#answers][1] == 'more'
  end
  redis.call('UNLINK', unpack(names))
  return answers
end

function DO.peek(text) return is_there(look(text)) and 1 or 0 end

-- It is read, and goes, under the name it is given here, for `ms` at most.
function DO.getdel(text, taken, ms)
  local it = look(text)
  if not is_there(it) then return 0 end
  redis.call('RENAME', it.name, taken)
  redis.call('PEXPIRE', taken, ms)
  return leave(it, 'taken') and 1
end

function DO.delete(...)
  local deleted = 0
  for _, text in ipairs({...}) do
    local it = look(text)
    if is_there(it) and leave(it, 'deleted') then deleted = deleted + 1 end
  end
  return deleted
end

-- `asked` is of this one call: who asks again, not having had the answer, has it again.
function DO.claim(text, worker, lease, asked)
  pass(50)
  local it = look(text)
  if it.done then return {'done', redis.call('HGET', it.record, 'result')} end
  if lasts(it) and it.asked ~= asked then return {'busy', it['until'] - NOW, it.worker} end
  if not is_there(it) then return {'gone'} end
  if it.asked ~= asked then
    local last = tonumber(redis.call('HGET', STATE, 'token') or 0)
    -- Also above those of a server that forgot what it gave.
    local token = string.format('%.0f', math.max(last + 1, TIME[1] * 1000000 + TIME[2]))
    redis.call('HSET', STATE, 'token', token)
    write(it, {token = token, ['until'] = NOW + lease, worker = worker, attempts = (it.attempts or 0) + 1,
               was = it.reason or '', reason = '', asked = asked})
    redis.call('ZADD', BASE .. 'leases', it['until'], text)
    guard(it)
  end
  return {'claimed', it.token, it.attempts, it.was}
end

function DO.extend(text, token, lease)
  local it = look(text)
  if it.token ~= token then return 0 end
  write(it, {['until'] = NOW + lease})
  redis.call('ZADD', BASE .. 'leases', it['until'], text)
  guard(it)
  return 1
end

local function end_claim(it, reason, asked)
  write(it, {token = '0', reason = reason, given = asked})
  redis.call('ZREM', BASE .. 'leases', it.text)
  forget(it)
  guard(it)
end

function DO.give_back(text, token, reason, asked)
  local it = look(text)
  if it.token ~= token then return it.given == asked and 1 or 0 end
  if it.size and lasts(it) then write(it, {idle = NOW}) end
  end_claim(it, reason, asked)
  look(text)
  return 1
end

-- Its picture is gone before it is overdue.
function DO.bury(text, token, reason, asked, ttl)
  local it = look(text)
  if it.token ~= token then return it.given == asked and 1 or 0 end
  write(it, {attempts = 0})
  if it.size then write(it, {due = NOW + ttl, idle = NOW + ttl}) end
  end_claim(it, reason, asked)
  if it.size then place(it) end
  return 1
end

function DO.finish(text, token, result, ttl, asked)
  local it = look(text)
  if it.token ~= token then return it.done == asked and 1 or 0 end
  redis.call('ZREM', BASE .. 'leases', text)
  leave(it, 'finished')
  if it.token then drop(it, CLAIM) end
  write(it, {done = asked, result = result, forget = NOW + ttl})
  redis.call('ZADD', BASE .. 'marks', it.forget, text)
  return 1
end

-- sweep, age or ''. Whether there are more, and what was found since the last time.
function DO.sweep(age)
  local more, orphans = pass(BOUND), {}
  local most = left
  if age ~= '' then
    orphans = redis.call('ZRANGEBYSCORE', BASE .. 'put', '-inf', NOW - age, 'LIMIT', 0, most)
    for _, text in ipairs(orphans) do leave(read(text), 'orphans') end
  end
  local seen = redis.call('HMGET', STATE, 'leases', 'expired', 'marks')
  redis.call('HDEL', STATE, 'leases', 'expired', 'marks')
  more = more or #orphans == most
  return {more and 1 or 0, tonumber(seen[1]) or 0, tonumber(seen[2]) or 0, #orphans, tonumber(seen[3]) or 0}
end

function DO.overdue(after, limit)
  pass(BOUND)
  local told = {}
  for _, text in ipairs(redis.call('ZRANGEBYSCORE', BASE .. 'idle', '-inf', NOW - after, 'LIMIT', 0, limit)) do
    local it = look(text)
    if it.size and not it.hand then
      write(it, {idle = NOW})
      redis.call('ZADD', BASE .. 'idle', NOW, text)
      table.insert(told, text)
    end
  end
  return told
end

-- Whether there are more that are too old; limit, how many are claimed and marked; then of each camera its name
-- and its counts.
function DO.usage(...)
  local more = pass(BOUND)
  local answer = {more and 1 or 0, redis.call('HGET', STATE, 'limit'),
                  redis.call('ZCARD', BASE .. 'leases'), redis.call('ZCARD', BASE .. 'marks')}
  if more then return answer end
  for _, id in ipairs(redis.call('SMEMBERS', BASE .. 'cameras')) do
    table.insert(answer, {id, redis.call('HMGET', BASE .. 'camera:' .. id, ...)})
  end
  return answer
end

-- Nothing here is refused by a server at its maxmemory: of a script it refuses the first write that takes memory,
-- and none after another. What that server has no room for are pictures, which are set beside this.
redis.call('UNLINK', BASE .. 'nothing')
return DO[ARGV[1]](unpack(ARGV, 2))
