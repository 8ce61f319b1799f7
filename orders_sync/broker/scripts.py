"""The keys that are ours in the broker, and the steps that must not be cut in two, in Lua.

They keep kombu's own layout: `unacked_index` is a sorted set of delivery tags by the time they were
taken, `unacked` a hash of `[message, exchange, routing key]` by tag. A message is recorded under
the default exchange and its queue, so that a restored message goes back where it was.
"""

from __future__ import annotations

from typing import Final

#: A sorted set: each living consumer and when it was last heard of.
CONSUMERS: Final = "orders_sync.consumers"

#: A hash: each living consumer, and a JSON object of its worker's name and when it had an answer.
CONSUMING: Final = "orders_sync.consumers.consuming"

#: A hash: the delivery tag of each unacknowledged message and the consumer that has it.
OWNERS: Final = "orders_sync.owners"

#: A string that expires: somebody has looked for dead consumers a moment ago.
LOOKED: Final = "orders_sync.consumers.looked"

#: A list, newest first: messages that nobody here can work on.
STRAYS: Final = "orders_sync.strays"

#: A counter that gives strays their ids.
STRAY_IDS: Final = "orders_sync.strays.last_id"

#: A counter of the strays that were dropped because the list was full.
STRAYS_DROPPED: Final = "orders_sync.strays.dropped"


#: More strays than this are a fault that nobody looks at; the oldest make room.
STRAYS_LIMIT: Final = 10_000

_NOW = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
"""

#: A stray is a line of JSON that tells about it, and then the message as it was, byte for byte.
_KEEP_STRAY = f"""
local function keep_stray(strays, ids, dropped, queue, reason, name, raw)
    local about = cjson.encode({{
        id = string.format('%d-%d', now, redis.call('INCR', ids)),
        when = now, queue = queue, reason = reason, name = name,
    }})
    if redis.call('LPUSH', strays, about .. '\\n' .. raw) > {STRAYS_LIMIT} then
        redis.call('LTRIM', strays, 0, {STRAYS_LIMIT - 1})
        redis.call('INCR', dropped)
    end
end
"""

#: Settles tags, then takes up to ARGV[2] messages, one a queue in turn, and records each under a
#: tag that no sender chose.
#:
#: KEYS: unacked_index, unacked, owners, consumers, queues.
#: ARGV: consumer, how many, the length of the keys' prefix, the number of the first message, the
#: settled tags. Gives three values a message: the place of its queue among the queues, its tag,
#: itself.
SETTLE_AND_TAKE: Final = (
    _NOW
    + """
local QUEUES = 5
if #ARGV > 4 then
    redis.call('ZREM', KEYS[1], unpack(ARGV, 5))
    redis.call('HDEL', KEYS[2], unpack(ARGV, 5))
    redis.call('HDEL', KEYS[3], unpack(ARGV, 5))
end
local wanted, number, taken, filled = tonumber(ARGV[2]), tonumber(ARGV[4]), {}, {}
for place = QUEUES, #KEYS do filled[#filled + 1] = place end
while wanted > 0 and #filled > 0 do
    local still = {}
    for _, place in ipairs(filled) do
        local raw = wanted > 0 and redis.call('RPOP', KEYS[place])
        if raw then
            local queue = string.sub(KEYS[place], ARGV[3] + 1)
            local tag = string.format('%s.%d', ARGV[1], number)
            redis.call('ZADD', KEYS[1], now, tag)
            redis.call('HSET', KEYS[2], tag, '[' .. raw .. ',"",' .. cjson.encode(queue) .. ']')
            redis.call('HSET', KEYS[3], tag, ARGV[1])
            still[#still + 1] = place
            wanted = wanted - 1
            number = number + 1
            taken[#taken + 1] = place - QUEUES
            taken[#taken + 1] = tag
            taken[#taken + 1] = raw
        end
    end
    filled = still
end
if #taken > 0 then redis.call('ZADD', KEYS[4], 'NX', now, ARGV[1]) end
return taken
"""
)

#: Puts an unacknowledged message back, if its record is still what was read; gives 1 if it did.
#:
#: KEYS: unacked_index, unacked, owners, the queues it goes to.
#: ARGV: tag, the record (empty: there is none), RPUSH (it is next) or LPUSH (it is last), message.
RESTORE: Final = """
if (redis.call('HGET', KEYS[2], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
for place = 4, #KEYS do redis.call(ARGV[3], KEYS[place], ARGV[4]) end
return 1
"""

#: Moves an unacknowledged message to the strays, if it is still recorded; gives 1 if it did.
#:
#: KEYS: unacked_index, unacked, owners, strays, stray ids, strays dropped.
#: ARGV: tag, queue, reason, name, message.
SET_ASIDE: Final = (
    _NOW
    + _KEEP_STRAY
    + """
if redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
keep_stray(KEYS[4], KEYS[5], KEYS[6], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1
"""
)

#: Says that a consumer lives; now and then gives the tags of those that do not, newest first.
#:
#: A consumer that was itself silent for long does not judge: the broker may have stood still.
#: KEYS: consumers, owners, looked, unacked_index, consuming. ARGV: consumer, seconds between beats,
#: seconds after which a silent consumer is dead, the worker's name, seconds since its consuming
#: loop had an answer, a JSON list of the seconds for which it has had each message.
BEAT: Final = (
    _NOW
    + """
local before = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
redis.call('ZADD', KEYS[1], now, ARGV[1])
if ARGV[4] ~= '' then
    local word = {node = ARGV[4], answered_at = now - ARGV[5], held = ARGV[6], at = now}
    word = cjson.encode(word)
    redis.call('HSET', KEYS[5], ARGV[1], word)
end
if now - before > 3 * ARGV[2] then return {} end
if not redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', math.floor(ARGV[2] * 1000)) then
    return {}
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
local living, orphans, taken = {}, {}, {}
for _, consumer in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do living[consumer] = true end
for _, consumer in ipairs(redis.call('HKEYS', KEYS[5])) do
    if not living[consumer] then redis.call('HDEL', KEYS[5], consumer) end
end
local owners = redis.call('HGETALL', KEYS[2])
for i = 1, #owners, 2 do
    if not living[owners[i + 1]] then
        orphans[#orphans + 1] = owners[i]
        taken[owners[i]] = tonumber(redis.call('ZSCORE', KEYS[4], owners[i]) or 0)
    end
end
table.sort(orphans, function(one, other) return taken[one] > taken[other] end)
return orphans
"""
)
