"""Acknowledges events, in lots, once they may leave VTEX's feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.metrics.tracing import NO_TRACING, About, Tracing

#: Handles sent in one call.
LOT = 10

_MOST_SECONDS = 10
_MARGIN = timedelta(seconds=5)


class Feed(Protocol):
    """What of the VTEX client acknowledging needs."""

    def commit_feed(self, handles: Sequence[str]) -> None:
        """Take the events of these handles out of the feed."""
        ...


def acknowledge(
    account: str,
    *,
    feed: Feed,
    ledger: Ledger,
    clock: Clock,
    visibility_seconds: float,
    at_once: bool,
    tracing: Tracing = NO_TRACING,
) -> int:
    """Commit the handles of all events that may go; return their number.

    `at_once` commits what is recorded; without it an event waits until its order is handled,
    void, parked, or waits for VTEX. A handle is good only for the feed's visibility time, so
    older ones are left out: VTEX delivers their events again, with fresh handles. Committing
    twice is harmless.
    """
    started = clock()
    acknowledged = 0
    while clock() - started < timedelta(seconds=_MOST_SECONDS):
        handles = ledger.events.to_acknowledge(
            account,
            delivered_after=_oldest(clock, visibility_seconds),
            limit=LOT,
            at_once=at_once,
        )
        if not handles:
            break
        with tracing.lot("feed.acknowledge") as traced:
            feed.commit_feed(handles)
            orders = ledger.events.mark_acknowledged(account, handles, now=clock())
            traced.add_all(About(account, order_id) for order_id in orders)
        acknowledged += len(handles)
        if len(handles) < LOT:
            break
    return acknowledged


def is_any_left(account: str, *, ledger: Ledger, clock: Clock, visibility_seconds: float) -> bool:
    """Return whether the account has events that are still to be acknowledged."""
    return bool(
        ledger.events.to_acknowledge(
            account,
            delivered_after=_oldest(clock, visibility_seconds),
            limit=1,
            at_once=True,
        )
    )


def _oldest(clock: Clock, visibility_seconds: float) -> datetime:
    return clock() - timedelta(seconds=visibility_seconds) + _MARGIN
