"""Polls an account's feed: every event is in the ledger before anything is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.errors import AuthFailed, NotFound
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.metrics.tracing import NO_TRACING, About, Tracing

log = structlog.get_logger(__name__)

#: As many events as VTEX gives at once.
FULL_LOT = 10

#: Polls find out soon whether a refused key stays refused, on behalf of all that waits.
_REFUSED_SECONDS = 5.0


class Feed(Protocol):
    """What of the VTEX client polling needs."""

    def get_feed(self, max_lot: int = ...) -> list[OrderEvent | UnreadableEvent]:
        """Read up to `max_lot` events."""
        ...


@dataclass(frozen=True, slots=True)
class PollLimits:
    """How long one poll goes on, and how many orders may be in flight before it stops pulling.

    What came is acknowledged after `acknowledge_in`.
    """

    seconds: float
    in_flight: int
    acknowledge_in: timedelta


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll did: the number of events that the feed told, and of those that were new.

    It tells too whether the feed was read, and not to its end.
    """

    told: int = 0
    new: int = 0
    was_read: bool = False
    is_cut_short: bool = False


def poll(
    account: str,
    *,
    feed: Feed,
    ledger: Ledger,
    clock: Clock,
    dispatch: Callable[[Sequence[Dispatch]], None],
    restore_feed: Callable[[], None],
    erp_rests: Callable[[], object],
    in_flight: int,
    limits: PollLimits,
    tracing: Tracing = NO_TRACING,
) -> Polled:
    """Read the feed while its lots come back full.

    `in_flight` is how many orders the account has in flight now. While `erp_rests`, or too much is
    in flight, nothing is read: the feed keeps its events. Where VTEX has no configuration for the
    feed, `restore_feed` sees to one. Events that came are acknowledged later.

    Raises:
        WaitError: nothing may be read before some seconds have passed.
        RetryableError: the feed could not be read.
    """
    started = clock()
    polled = Polled()
    room = limits.in_flight - in_flight
    try:
        while clock() - started < timedelta(seconds=limits.seconds):
            if erp_rests():
                log.info("feed.held_back", cause="erp.unavailable")
                return polled
            if room <= 0:
                room = limits.in_flight - ledger.events.in_flight(account)
            if room <= 0:
                log.info("feed.held_back", in_flight=limits.in_flight)
                return polled
            with tracing.lot("feed.poll") as traced:
                lot = feed.get_feed(FULL_LOT)
                if lot and not polled.was_read:
                    acknowledge_at = clock() + limits.acknowledge_in
                    ledger.accounts.wake(account, Chore.ACKNOWLEDGE, acknowledge_at)
                recorded = ledger.events.record(account, lot, now=clock())
                traced.add_all(About(account, order_id) for order_id in recorded.orders)
            room -= len(recorded.dispatches)
            dispatch(recorded.dispatches)
            polled = Polled(polled.told + len(lot), polled.new + recorded.new, was_read=True)
            if len(lot) < FULL_LOT:
                return polled
    except NotFound:
        restore_feed()
        return polled
    except AuthFailed as error:
        raise AuthFailed(error.message, _REFUSED_SECONDS) from error
    return replace(polled, is_cut_short=True)
