-- The pace of one account's calls, asked and told in one step, on the server's clock.
-- limiter.py explains the rules. KEYS[1]: the account's hash. Times are whole microseconds.
-- ARGV: the instant, of which shared.py makes `now`, the verb, the interval between calls at the
-- full rate, the calls accepted since the last telling, the age of the latest of them, then:
--   ask lane burst horizon due_horizon without_credit wanted untold
--   refused retry_after (-1: VTEX did not say)    hold time    slow interval time
--   look horizon due_horizon
-- Returns whether a slot is granted, when, for how long all calls are held, and the spare slots;
-- `look` returns the calls of the last minute, the interval, the hold, and the time until a slot
-- may be booked within the horizon.

local SECOND, MINUTE = 1000000, 60000000
local KEPT_MS = 86400000
-- A 429 beside accepted calls is held against all of them once so many came in a row.
local CALM, IN_A_ROW = 2 * SECOND, 5
-- The longest hold that VTEX may ask for; ours double while nothing is accepted.
local LONGEST_HOLD, FIRST_HOLD, LONGEST_OWN_HOLD = 300 * SECOND, SECOND, 15 * SECOND
-- What is refused is measured from a first 429 on, over so many calls and so long.
local MEASURED_CALLS, MEASURED_TIME, LATE_ANSWERS = 20, 2 * SECOND, SECOND / 2
local FEWEST, STRAY, MOST_STRAYS, MARGIN, LOWEST = 4, 0.04, 0.05, 0.02, 0.05
-- How long the pace takes to grow to e times what a cut left; longer where cuts agree by so much.
local GROWTH, STEADY_GROWTH, AGREEING, RAMP = 15 * SECOND, 30 * SECOND, 0.15, SECOND / 2
local LONGEST_WAIT, DUE_AFTER = 45 * SECOND, 50

local key, verb, full_interval = KEYS[1], ARGV[2], tonumber(ARGV[3])

local kept, flat = {}, redis.call('HGETALL', key)
for at = 1, #flat, 2 do kept[flat[at]] = tonumber(flat[at + 1]) end
local function get(name) return kept[name] or 0 end

local function keep(...)
  local changes = {...}
  for at = 1, #changes, 2 do kept[changes[at]] = changes[at + 1] end
  redis.call('HSET', key, ...)
  redis.call('PEXPIRE', key, KEPT_MS)
end

-- A clock that was set back ends every hold.
local function hold_until() return now >= get('held_at') and get('hold_until') or 0 end
local function held() return math.max(0, hold_until() - now) end

-- The share of the full rate grows ever faster from where a cut left it.
local function share()
  local since = math.max(0, now - get('cut_at')) / (kept.growth or GROWTH)
  return math.min(1, (kept.share or 1) * math.exp(math.min(since, 4) ^ 3))
end

local function interval(rate)
  local micros = math.ceil(full_interval / rate)
  return now < get('pace_until') and math.max(micros, get('pace')) or micros
end

-- After a hold the calls begin slowly, so that few of them find out that it lasts.
local function ramp()
  local since = now - hold_until()
  return since < 0 and 1 or math.min(1, LOWEST * 2 ^ math.min(since / RAMP, 10))
end

local function accepted(calls, age)
  if calls == 0 then return end
  local at, last = now - age, get('accepted_at')
  if last <= now then at = math.max(at, last) end
  if at > get('hold_until') then keep('own_holds', 0) end
  keep('accepted_at', at, 'accepted', get('accepted') + calls)
end

local function hold(micros)
  keep('hold_until', now + math.max(held(), math.min(micros, LONGEST_HOLD)), 'held_at', now)
end

-- Where some calls are accepted and others refused, the pace follows the share that is accepted.
-- Calls that are refused below the limit that was found last are strays, whatever the pace.
local function measure()
  local since_cut = now - get('cut_at')
  if since_cut >= 0 and since_cut < LATE_ANSWERS then return end
  local lasts = math.max(MEASURED_TIME, FEWEST / STRAY * interval(share()))
  if math.abs(now - get('measured_at')) > lasts then
    keep('measured_at', now, 'accepted', 0, 'refused', 0)
    return
  end
  keep('refused', get('refused') + 1)
  local accepted, refused, pace = get('accepted'), get('refused'), share()
  local calls, strays = accepted + refused, get('strays') * math.exp(-since_cut / MINUTE)
  local part = refused / calls
  if refused < FEWEST or calls < MEASURED_CALLS or part < STRAY + strays then return end
  if accepted < refused / 4 then return end
  local limit, last_limit = math.max(LOWEST, pace * (1 - part)), get('limit')
  if pace < 0.99 * last_limit then strays = math.min(MOST_STRAYS, part) end
  local is_steady = limit > LOWEST and math.abs(limit / last_limit - 1) < AGREEING
  keep('share', limit * (1 - MARGIN), 'limit', limit, 'strays', strays, 'cut_at', now,
    'measured_at', 0, 'growth', is_steady and STEADY_GROWTH or GROWTH)
end

-- Where nothing is accepted, no call is made for a while.
local function refused(retry_after)
  local row = get('row')
  if get('accepted_at') > get('row_since') or get('row_since') > now then row = 0 end
  if row == 0 then keep('row_since', now) end
  keep('row', row + 1)
  measure()
  if row + 1 < IN_A_ROW and now - get('accepted_at') < CALM then return end
  if retry_after >= 0 then
    hold(retry_after)
  elseif held() == 0 then
    hold(math.min(LONGEST_OWN_HOLD, FIRST_HOLD * 2 ^ get('own_holds')))
    keep('own_holds', math.min(10, get('own_holds') + 1))
  end
end

-- The calls of the minute of an instant, and of the minute before it.
local function counted(at)
  local minute, latest = math.floor(at / MINUTE), get('minute')
  if minute <= latest then return get('calls'), get('calls_before'), latest end
  return 0, minute == latest + 1 and get('calls') or 0, minute
end

local function ask(lane, burst, horizon, due_horizon, without_credit, wanted, untold)
  local step, last = interval(share() * ramp()), 'last:' .. lane
  local slot = math.min(kept.next_slot or now + due_horizon, now + due_horizon + step)
  local credit = without_credit and 0 or (burst - 1) * step
  slot = math.max(slot, hold_until(), now - credit)

  local first = 0
  for higher = 0, lane do
    local back = get('back:' .. higher)
    first = math.max(first, back)
    if higher < lane and back > now then horizon = 0 end
  end
  if now - get(last) >= DUE_AFTER * step then horizon = due_horizon end

  if slot - now <= horizon then
    local taken, spare = math.max(slot, now), 0
    if first <= now then
      local unused = math.floor((now - slot) / step) - math.floor(burst / 2)
      spare = math.max(0, math.min(unused, wanted - 1))
    end
    local calls, before, minute = counted(taken)
    -- Spare slots are counted once their calls were made, which the next question tells.
    keep('next_slot', slot + (1 + spare) * step, last, taken,
      'minute', minute, 'calls', calls + 1 + untold, 'calls_before', before)
    return {1, taken - now, held(), spare}
  end
  local back = math.max(first, slot - horizon) + math.floor(step * 4 / 5)
  local latest = now + held() + LONGEST_WAIT
  -- Where more wait than one round of returns has room for, the next round lies among them.
  if back > latest then back = latest - LONGEST_WAIT / 2 end
  keep('back:' .. lane, back)
  return {0, back - now, held(), 0}
end

local function argument(at) return tonumber(ARGV[at]) end

accepted(argument(4), argument(5))
if verb == 'ask' then
  return ask(argument(6), argument(7), argument(8), argument(9), argument(10) == 1,
    argument(11), argument(12))
elseif verb == 'refused' then
  refused(argument(6))
elseif verb == 'hold' then
  hold(argument(6))
elseif verb == 'slow' then
  keep('pace', argument(6), 'pace_until', now + math.min(argument(7), LONGEST_HOLD))
else
  local calls, before = counted(now)
  local horizon, step = argument(6), interval(share() * ramp())
  local slot = math.min(get('next_slot'), now + argument(7) + step)
  return {math.floor(calls + before * (1 - now % MINUTE / MINUTE)),
    interval(share()), held(), math.max(0, slot - now - horizon)}
end
return {1, 0, held(), 0}
