-- Whether an account is paused, told and asked in one step, on the server's clock.
-- pause.py explains the rules.
-- KEYS[1]: the account's pause. Times are whole milliseconds.
-- ARGV: now (empty: the server's, else microseconds), what happened ('accepted', 'refused' or
-- 'wanted'), milliseconds between two probes, and what was refused.
-- Gives: 0 not paused, 1 paused, 2 paused and the probe is yours; for how long; refusals in a row.

local KEPT_MS, CALM_MS, IN_A_ROW = 86400000, 2000, 2
local key, what, probe_every = KEYS[1], ARGV[2], tonumber(ARGV[3])
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
now = math.floor(now / 1000)

local kept = redis.call('HMGET', key, 'since', 'refusals', 'accepted_at', 'probe_at')
local since, refusals = tonumber(kept[1] or 0), tonumber(kept[2] or 0)
local accepted_at, probe_at = tonumber(kept[3] or 0), tonumber(kept[4] or 0)

local function keep(...)
  redis.call('HSET', key, ...)
  redis.call('PEXPIRE', key, KEPT_MS)
end

if what == 'accepted' then
  redis.call('DEL', key)
  keep('accepted_at', now)
  return {0, 0, 0}
end
if what == 'refused' and since == 0 then
  -- While other calls are accepted, the key lacks one permission; the account goes on.
  refusals = now - accepted_at < CALM_MS and 0 or refusals + 1
  if refusals < IN_A_ROW then
    keep('refusals', refusals)
  else
    since, probe_at = now, now + probe_every
    keep('refusals', refusals, 'since', since, 'cause', ARGV[4], 'probe_at', probe_at)
  end
end
if since == 0 then return {0, 0, refusals} end
if what == 'wanted' and now >= probe_at then
  keep('probe_at', now + probe_every)
  return {2, probe_every, refusals}
end
return {1, math.max(0, probe_at - now), refusals}
