-- The calls of an account that are at its ERP, each a holder with the time when its permit expires.
-- KEYS[1]: a sorted set. ARGV: the instant, of which shared.py makes `now`, how many may be, then,
-- to take a permit, the holder and how many milliseconds its call may take, then holders that give
-- theirs back.
-- Returns how many permits were left.

local now = math.floor(now / 1000)

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for at = 5, #ARGV do redis.call('ZREM', KEYS[1], ARGV[at]) end
local left = math.max(0, tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1]))
if ARGV[3] and left > 0 then
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[3])
  local latest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
  redis.call('PEXPIRE', KEYS[1], latest[2] - now + 1000)
end
return left
