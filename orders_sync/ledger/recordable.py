"""What no database can keep is kept out of the ledger, so that one event does not stop its lot."""

from __future__ import annotations

import re
from dataclasses import fields

from orders_sync.commands.acceptance import LONGEST
from orders_sync.domain.events import OrderEvent, UnreadableEvent

#: Far beyond VTEX's order ids; keys of this length fit into every database's indices.
_ORDER_ID_LENGTH = LONGEST["order_id"]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def recordable(event: OrderEvent | UnreadableEvent) -> OrderEvent | UnreadableEvent:
    """Give the event, or what is left of one that cannot be recorded as it is."""
    unstorable = next((f.name for f in fields(event) if _is_unstorable(getattr(event, f.name))), "")
    handle = None if _is_unstorable(event.handle) else event.handle
    if unstorable:
        return UnreadableEvent(handle, f"{unstorable} holds a character that cannot be stored")
    if isinstance(event, OrderEvent) and len(event.order_id) > _ORDER_ID_LENGTH:
        return UnreadableEvent(handle, f"order_id has more than {_ORDER_ID_LENGTH} characters")
    return event


def _is_unstorable(text: str | None) -> bool:
    """Find a null character, or half of one that takes two in UTF-16."""
    return text is not None and _UNSTORABLE.search(text) is not None
