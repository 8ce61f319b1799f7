-- One breaker, told and asked in one step, on the server's clock; breaker.py explains the rules.
-- KEYS[1]: the account's breakers, one field each. Times are whole milliseconds.
-- ARGV: now (empty: the server's, else microseconds), name, calls that went well, calls that
-- failed, the trial's end ('', 'well', 'failed' or 'none'), whether a call is wanted ('1'),
-- then the policy: minimum, share in percent, window, first opening, longest opening, trial,
-- failures in a row, how long their row must last, and whether a call went well just now ('1').
-- Gives: 0 closed, 1 open, 2 the trial is yours; for how long; and the failures in a row.

-- While the trial is under way, others look again this soon.
local KEPT_MS, TRIAL_LOOK_MS = 86400000, 5000
local key, name, ending, wanted = KEYS[1], ARGV[2], ARGV[5], ARGV[6] == '1'
local well, failed = tonumber(ARGV[3]), tonumber(ARGV[4])
local minimum, percent, window = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local first_open, longest_open, trial = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local in_a_row, row_lasts = tonumber(ARGV[13]), tonumber(ARGV[14])
local well_just_now = ARGV[15] == '1'
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
now = math.floor(now / 1000)

local text = redis.call('HGET', key, name)
local it = text and cjson.decode(text) or
  {half = 0, well = 0, failed = 0, well_before = 0, failed_before = 0,
   row = 0, row_since = 0, openings = 0, since = 0, open_until = 0, trial_until = 0}

it.row = it.row or 0

local function roll()
  local half = math.floor(now * 2 / window)
  if half == it.half then return end
  local next_one = half == it.half + 1
  it.well_before = next_one and it.well or 0
  it.failed_before = next_one and it.failed or 0
  it.half, it.well, it.failed = half, 0, 0
end

-- A process tells of a failure at once, so what went well in the same breath came before it; what
-- went well long ago, and is told by a process that has little to do, came before the whole row.
local function count_row()
  if well_just_now then it.row = 0 end
  if failed > 0 and it.row == 0 then it.row_since = now end
  it.row = it.row + failed
end

local function open()
  if it.since == 0 then it.since = now end
  it.open_until = now + math.min(longest_open, first_open * 2 ^ math.min(it.openings, 20))
  it.openings = it.openings + 1
  it.trial_until = 0
end

local function close()
  it.well, it.failed, it.well_before, it.failed_before = 0, 0, 0, 0
  it.row, it.row_since = 0, 0
  it.openings, it.since, it.open_until, it.trial_until = 0, 0, 0, 0
end

local before = text
if it.since == 0 then
  roll()
  count_row()
  it.well, it.failed = it.well + well, it.failed + failed
  local bad = it.failed + it.failed_before
  local all = bad + it.well + it.well_before
  local many = all >= minimum and bad * 100 >= all * percent
  local for_long = it.row >= in_a_row and now - it.row_since >= row_lasts
  if failed > 0 and (many or for_long) then open() end
elseif ending == 'well' then
  close()
elseif ending == 'failed' then
  open()
elseif ending == 'none' then
  it.trial_until = 0
end

local state, left = 0, 0
if it.since > 0 then
  state, left = 1, math.max(it.open_until - now, math.min(it.trial_until - now, TRIAL_LOOK_MS))
  if left <= 0 and wanted then
    state, left, it.trial_until = 2, TRIAL_LOOK_MS, now + trial
  end
end
local after = cjson.encode(it)
if after ~= before then redis.call('HSET', key, name, after) end
redis.call('PEXPIRE', key, KEPT_MS)
return {state, math.max(0, left), it.row}
