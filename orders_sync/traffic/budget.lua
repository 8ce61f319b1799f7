-- The budget of calls of one account, asked and told in one step, on the server's clock.
-- bucket.py has the same rules and explains them; a test gives both the same questions.
-- KEYS[1]: the account's hash. Times and intervals are whole microseconds.
-- ARGV: now (empty: the server's), what is done, the plan's interval, then what that takes.

local FULL, LOWEST, GROWTH = 1000000, 100000, 1667
local SECOND, MINUTE = 1000000, 60000000
local LONGEST_HOLD, LONGEST_WAIT, DUE_AFTER = 3600000000, 45000000, 50
local KEPT_MS = 86400000

local key, verb, full_interval = KEYS[1], ARGV[2], tonumber(ARGV[3])
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local fields = {'next_slot', 'hold_until', 'share', 'cut_at', 'pace', 'pace_until',
  'minute', 'calls', 'calls_before', 'held_at'}
local lane = verb == 'ask' and tonumber(ARGV[4])
if lane then
  fields[11] = 'last:' .. lane
  for each = 0, lane do fields[12 + each] = 'back:' .. each end
end
local kept = redis.call('HMGET', key, unpack(fields))
local function number(index) return tonumber(kept[index] or 0) end

-- A clock that was set back ends every hold.
local hold_until = now >= number(10) and number(2) or 0
local held = math.max(0, hold_until - now)
local cut_at = number(4)
local share = math.min(FULL,
  (kept[3] and number(3) or FULL) + math.floor(math.max(0, now - cut_at) * GROWTH / SECOND))
local interval = math.ceil(full_interval * FULL / share)
if now < number(6) then interval = math.max(interval, number(5)) end

local function keep(...)
  redis.call('HSET', key, ...)
  redis.call('PEXPIRE', key, KEPT_MS)
end

-- The calls of the minute of an instant, and of the minute before it.
local function counted(at)
  local minute, latest, calls, before = math.floor(at / MINUTE), number(7), number(8), number(9)
  if minute <= latest then return calls, before, latest end
  return 0, minute == latest + 1 and calls or 0, minute
end

local function ask(burst, horizon, due_horizon, without_credit, wanted, untold)
  local slot = kept[1] and number(1) or now + due_horizon
  slot = math.min(slot, now + due_horizon + interval)
  local credit = without_credit and 0 or (burst - 1) * interval
  slot = math.max(slot, hold_until, now - credit)

  local first = 0
  for each = 0, lane do
    first = math.max(first, number(12 + each))
    if each < lane and number(12 + each) > now then horizon = 0 end
  end
  if now - number(11) >= DUE_AFTER * interval then horizon = due_horizon end

  if slot - now <= horizon then
    local taken, spare = math.max(slot, now), 0
    if first <= now then
      local unused = math.floor((now - slot) / interval) - math.floor(burst / 2)
      spare = math.max(0, math.min(unused, wanted - 1))
    end
    local calls, before, minute = counted(taken)
    -- Spare slots are counted once their calls were made, which the next question tells.
    keep('next_slot', slot + (1 + spare) * interval, fields[11], taken,
      'minute', minute, 'calls', calls + 1 + untold, 'calls_before', before)
    return {1, taken - now, held, spare}
  end
  local back = math.max(first, slot - horizon) + math.floor(interval * 4 / 5)
  local latest = now + held + LONGEST_WAIT
  if back > latest then back = latest - LONGEST_WAIT / 2 end
  keep('back:' .. lane, back)
  return {0, back - now, held, 0}
end

local function hold(micros, cut)
  if cut and hold_until <= now then
    keep('share', math.max(LOWEST, math.floor(share * 7 / 10)), 'cut_at', now)
  end
  held = math.max(held, math.min(micros, LONGEST_HOLD))
  keep('hold_until', now + held, 'held_at', now)
  return {1, 0, held}
end

if verb == 'ask' then
  return ask(tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1',
    tonumber(ARGV[9]), tonumber(ARGV[10]))
elseif verb == 'hold' then
  return hold(tonumber(ARGV[4]), ARGV[5] == '1')
elseif verb == 'pace' then
  keep('pace', ARGV[4], 'pace_until', now + math.min(tonumber(ARGV[5]), LONGEST_HOLD))
  return {1, 0, held}
end
local calls, before = counted(now)
return {math.floor(calls + before * (1 - now % MINUTE / MINUTE)), interval, held}
