"""The keys that are ours in the broker, beside kombu's own."""

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
