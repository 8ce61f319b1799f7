-- What VTEX refuses to an account's key, told and asked in one step, on the server's clock.
-- pause.py explains the rules.
-- KEYS[1]: one field a scope: 'account' is all calls, any other a group of calls.
-- Times are whole milliseconds.
-- ARGV: the instant, of which shared.py makes `now`, milliseconds between two probes, what
-- happened, and to what: 'accepted' scopes..., 'refused' scope group, 'wanted' group.
-- Gives: 1 where the call that is wanted may be made, else 0; then each scope that was refused
-- last, with the time until its next probe, or -1 where calls go on all the same.

local KEPT_MS, CALM_MS, IN_A_ROW, ACCOUNT = 86400000, 2000, 2, 'account'
local key, probe_every, what = KEYS[1], tonumber(ARGV[2]), ARGV[3]
local now = math.floor(now / 1000)

local scopes, fields = {}, redis.call('HGETALL', key)
for at = 1, #fields, 2 do scopes[fields[at]] = cjson.decode(fields[at + 1]) end

local function keep(scope, it)
  scopes[scope] = it
  redis.call('HSET', key, scope, cjson.encode(it))
  redis.call('PEXPIRE', key, KEPT_MS)
end

local function refuse(scope, group)
  local it = scopes[scope] or {refusals = 0, accepted_at = 0, since = 0, probe_at = 0}
  if it.since > 0 then return end
  -- One refusal beside calls that are accepted is a passing fault of VTEX's edge.
  it.refusals = now - it.accepted_at < CALM_MS and 0 or it.refusals + 1
  if it.refusals >= IN_A_ROW then
    it.since, it.group, it.probe_at = now, group, now + probe_every
  end
  keep(scope, it)
end

local function is_closed(scope)
  local it = scopes[scope]
  return it and it.since > 0 and now < it.probe_at
end

local function probe(scope)
  local it = scopes[scope]
  if it and it.since > 0 then
    it.probe_at = now + probe_every
    keep(scope, it)
  end
end

local may = 0
if what == 'accepted' then
  for at = 4, #ARGV do
    keep(ARGV[at], {refusals = 0, accepted_at = now, since = 0, probe_at = 0})
  end
elseif what == 'refused' then
  refuse(ARGV[4], ARGV[5])
elseif not is_closed(ACCOUNT) and not is_closed(ARGV[4]) then
  may = 1
  probe(ACCOUNT)
  probe(ARGV[4])
end

local reply = {may}
for scope, it in pairs(scopes) do
  if it.refusals > 0 then
    table.insert(reply, scope)
    table.insert(reply, it.since > 0 and math.max(0, it.probe_at - now) or -1)
  end
end
return reply
