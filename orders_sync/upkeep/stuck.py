"""Parks orders that VTEX keeps in a transient status for long, with what a person can do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orders_sync.errors import Unreadable
from orders_sync.ledger.reconciliation import PARKED, Found, Unmoved
from orders_sync.upkeep.drift import RECHECK, Kind
from orders_sync.vtex.fulfilment import fulfilment, last_change

#: A document older than this may have been overtaken: the order is read before it is parked.
FRESH: Final = timedelta(hours=1)

_INVOICING: Final = "invoice"

#: A person who has an order read again has so long before it is parked again.
_REMINDER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stuck:
    """An order that does not move; `is_sure` where it was read just now."""

    found: Found
    status: str
    is_sure: bool


def judge_stuck(unmoved: Unmoved, *, now: datetime, patience: timedelta) -> Stuck | None:
    """Judge an order that showed a transient status when it was read last."""
    since = _unmoved_since(unmoved)
    if since is None or now - since < patience:
        return None
    is_sure = now - unmoved.read_at < FRESH
    last_at = unmoved.found.get(f"{PARKED} {Kind.STUCK}" if is_sure else Kind.STUCK)
    if last_at is not None and now - last_at < (_REMINDER if is_sure else RECHECK):
        return None
    note = f"{unmoved.status} in VTEX since {since:%Y-%m-%d %H:%M} UTC"
    return Stuck(Found(unmoved.order_id, Kind.STUCK.value, note), unmoved.status, is_sure)


def _unmoved_since(unmoved: Unmoved) -> datetime | None:
    """Tell since when VTEX has not changed the order; None where that is nobody's trouble."""
    try:
        if unmoved.status == _INVOICING and fulfilment(unmoved.document).remaining_cents > 0:
            # The rest of the invoices is to come.
            return None
        return last_change(unmoved.document)
    except Unreadable:
        return None
