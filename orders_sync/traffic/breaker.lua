-- One breaker, told and asked in one step, on the server's clock; breaker.py explains the rules.
-- KEYS[1]: the account's breakers, one field each. Times are whole milliseconds.
-- ARGV: the instant, of which shared.py makes `now`, the breaker, the process, its calls that went
-- well, the age of the latest of them, its calls that failed, how its trial ended ('', 'well',
-- 'failed' or 'none'), whether a call is wanted ('1'), then the policy: minimum, share in percent,
-- window, first opening, longest opening, trial, failures in a row, how long their row must last.
-- Returns 0 closed, 1 open, 2 the trial is yours; for how long; whether calls have failed of late;
-- and whether it is open for this process alone.

local KEPT_MS = 86400000
-- While the trial is under way, others look again this soon.
local TRIAL_LOOK_MS = 5000
-- A success told so late came before the row of failures that it is told with.
local JUST_NOW_MS = 2000
-- A process is sick after so many failures in a row, over so long, where others succeed clearly
-- after the row began; they tell of it once a second.
local SICK_ROW, SICK_MS, CLEARLY_MS, OTHERS_LATELY_MS = 5, 3000, 1000, 5000
local FORGOTTEN_MS = 600000

local key, name, process, ending, wanted = KEYS[1], ARGV[2], ARGV[3], ARGV[7], ARGV[8] == '1'
local well, well_age, failed = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local minimum, percent, window = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local first_open, longest_open, trial = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local in_a_row, row_lasts = tonumber(ARGV[15]), tonumber(ARGV[16])
local now = math.floor(now / 1000)

local function closed()
  return {openings = 0, since = 0, open_until = 0, trial_until = 0, row = 0, row_since = 0}
end

local function one_process()
  local own = closed()
  own.half, own.well, own.failed, own.well_before, own.failed_before = 0, 0, 0, 0, 0
  own.well_at, own.failed_at, own.seen_at = 0, 0, 0
  return own
end

local text = redis.call('HGET', key, name)
local all = text and cjson.decode(text)
if not all or not all.processes then
  all = closed()
  all.processes = {}
end
local own = all.processes[process] or one_process()
all.processes[process] = own

local function open(breaker)
  if breaker.since == 0 then breaker.since = now end
  local lasts = first_open * 2 ^ math.min(breaker.openings, 20)
  breaker.open_until = now + math.min(longest_open, lasts)
  breaker.openings = breaker.openings + 1
  breaker.trial_until = 0
end

local function close(breaker)
  for field, value in pairs(closed()) do breaker[field] = value end
end

local function roll(each)
  local half = math.floor(now * 2 / window)
  if half == each.half then return end
  local is_next = half == each.half + 1
  each.well_before = is_next and each.well or 0
  each.failed_before = is_next and each.failed or 0
  each.half, each.well, each.failed = half, 0, 0
end

local function counts(each)
  local bad = each.failed + each.failed_before
  return bad, bad + each.well + each.well_before
end

-- A process tells of a failure at once, so what went well in the same breath came before it; what
-- went well long ago, and is told by a process that has little to do, came before the whole row.
local function count_row(each)
  if well > 0 and well_age <= JUST_NOW_MS then each.row = 0 end
  if failed > 0 and each.row == 0 then each.row_since = now end
  each.row = each.row + failed
end

local function is_failing(bad, calls) return calls > 0 and bad * 100 >= calls * percent end

-- Whether another process had success clearly after this one's row of failures began; and whether
-- one that calls may still tell of one.
local function others_succeed()
  local succeed, may_succeed = false, false
  for other, each in pairs(all.processes) do
    if other ~= process and each.since == 0 and each.row == 0 and not is_failing(counts(each)) then
      succeed = succeed or each.well_at >= own.row_since + CLEARLY_MS
      may_succeed = may_succeed or each.seen_at >= now - OTHERS_LATELY_MS
    end
  end
  return succeed, may_succeed and now - own.row_since < SICK_MS
end

local function judge()
  local succeed, may_succeed = others_succeed()
  if succeed and own.row >= SICK_ROW and now - own.row_since >= SICK_MS then
    open(own)
    return
  end
  local bad, calls = 0, 0
  for _, each in pairs(all.processes) do
    if each.since == 0 then
      local its_bad, its_calls = counts(each)
      bad, calls = bad + its_bad, calls + its_calls
    end
  end
  local many = calls >= minimum and is_failing(bad, calls) and not may_succeed
  local for_long = all.row >= in_a_row and now - all.row_since >= row_lasts
  if not succeed and (many or for_long) then open(all) end
end

for other, each in pairs(all.processes) do
  if other ~= process and now - each.seen_at >= FORGOTTEN_MS then all.processes[other] = nil end
  roll(each)
end
-- Failures that are far apart make no row of one process.
if failed > 0 and now - own.failed_at >= window and own.since == 0 then own.row = 0 end
own.well, own.failed = own.well + well, own.failed + failed
if wanted or well + failed > 0 then own.seen_at = now end
if well > 0 then own.well_at = math.max(own.well_at, now - well_age) end
count_row(own)
if failed > 0 then own.failed_at = now end
if all.since == 0 and own.since == 0 then
  count_row(all)
  if failed > 0 then judge() end
end

local is_sick = own.since > 0
local breaker = is_sick and own or all
if ending ~= '' and breaker.since > 0 then
  if ending == 'failed' then open(breaker)
  elseif ending == 'none' then breaker.trial_until = 0
  else
    close(breaker)
    if breaker == all then
      for _, each in pairs(all.processes) do
        if each.since == 0 then
          each.well, each.failed, each.well_before, each.failed_before = 0, 0, 0, 0
          each.row, each.row_since = 0, 0
        end
      end
    else
      own.well, own.failed, own.well_before, own.failed_before = 0, 0, 0, 0
      is_sick = false
    end
  end
end

local state, left = 0, 0
breaker = (is_sick or all.since == 0) and own or all
if breaker.since > 0 then
  local trial_left = math.min(breaker.trial_until - now, TRIAL_LOOK_MS)
  state, left = 1, math.max(breaker.open_until - now, trial_left)
  if left <= 0 and wanted then
    state, left, breaker.trial_until = 2, TRIAL_LOOK_MS, now + trial
  end
end
redis.call('HSET', key, name, cjson.encode(all))
redis.call('PEXPIRE', key, KEPT_MS)
return {state, math.max(0, left), math.max(all.row, own.row), is_sick and 1 or 0}
