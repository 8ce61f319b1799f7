"""An account's feed: its events are put into the ledger, and acknowledged once they may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

import structlog

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.errors import AuthFailed, LedgerUnavailable, NotFound
from orders_sync.ledger import Ledger
from orders_sync.ledger.events import Recorded
from orders_sync.metrics.tracing import NO_TRACING, About, Tracing

log = structlog.get_logger(__name__)

#: The most events that VTEX gives, and the most handles that it takes, in one call.
_LOT: Final = 10

#: Polls find out soon whether a refused key stays refused, on behalf of all that waits.
_REFUSED_SECONDS: Final = 5.0

_LONGEST_ACKNOWLEDGING: Final = timedelta(seconds=10)
_MARGIN: Final = timedelta(seconds=5)


class Feed(Protocol):
    """The calls of the VTEX client that are needed here."""

    def get_feed(self, max_lot: int = ...) -> list[OrderEvent | UnreadableEvent]:
        """Read up to `max_lot` events."""
        ...

    def commit_feed(self, handles: Sequence[str]) -> None:
        """Remove the events of these handles from the feed."""
        ...


@dataclass(frozen=True, slots=True)
class PollLimits:
    """How long one poll goes on, and how many orders may be in flight before it stops pulling.

    What came is acknowledged after `acknowledge_in`, and told to nobody else for `hidden_for`.
    """

    seconds: float
    in_flight: int
    acknowledge_in: timedelta
    hidden_for: timedelta


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
        WaitError: nothing may be read before some seconds have passed. What was read and the ledger
            could not take is recorded when it is back.
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
                lot, told_at = feed.get_feed(_LOT), clock()
                acknowledge_at = None if polled.was_read else told_at + limits.acknowledge_in
                record = partial(
                    ledger.events.record, account, lot, now=told_at, acknowledge_at=acknowledge_at
                )
                recorded = _record(record, ledger, clock, until=told_at + limits.hidden_for)
                traced.add_all(About(account, order_id) for order_id in recorded.orders)
            room -= len(recorded.dispatches)
            dispatch(recorded.dispatches)
            polled = Polled(polled.told + len(lot), polled.new + recorded.new, was_read=True)
            if len(lot) < _LOT:
                return polled
    except NotFound:
        restore_feed()
        return polled
    except AuthFailed as error:
        raise AuthFailed(error.message, _REFUSED_SECONDS) from error
    return replace(polled, is_cut_short=True)


def _record(
    record: Callable[[], Recorded], ledger: Ledger, clock: Clock, *, until: datetime
) -> Recorded:
    """Record a lot, or see to it that it is once the ledger is back.

    After `until` VTEX tells it again, with other handles: these must not take their place.
    """

    def record_late() -> None:
        if clock() < until:
            record()

    try:
        return record()
    except LedgerUnavailable:
        ledger.postponed.add(record_late)
        raise


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
    while clock() - started < _LONGEST_ACKNOWLEDGING:
        handles = ledger.events.to_acknowledge(
            account,
            delivered_after=_oldest(clock, visibility_seconds),
            limit=_LOT,
            at_once=at_once,
        )
        if not handles:
            break
        with tracing.lot("feed.acknowledge") as traced:
            feed.commit_feed(handles)
            orders = ledger.events.mark_acknowledged(account, handles, now=clock())
            traced.add_all(About(account, order_id) for order_id in orders)
        acknowledged += len(handles)
        if len(handles) < _LOT:
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
