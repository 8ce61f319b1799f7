"""Polls an account's feed: every event is in the ledger before anything is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.errors import AuthFailed, NotFound
from orders_sync.ledger import Ledger
from orders_sync.ledger.pulse import FEED_POLL

log = structlog.get_logger(__name__)

#: As many events as VTEX gives at once.
FULL_LOT = 10

LEASE_NAME = FEED_POLL

#: Polls find out soon whether a refused key stays refused, on behalf of all that waits.
_REFUSED_SECONDS = 5.0


class Feed(Protocol):
    """What of the VTEX client polling needs."""

    def get_feed(self, max_lot: int = ...) -> list[OrderEvent | UnreadableEvent]:
        """Read up to `max_lot` events."""
        ...


@dataclass(frozen=True, slots=True)
class PollLimits:
    """How long one poll goes on, and how many orders may be in flight before it stops pulling."""

    seconds: float
    in_flight: int


def poll(
    account: str,
    *,
    owner: str,
    feed: Feed,
    ledger: Ledger,
    clock: Clock,
    dispatch: Callable[[Sequence[Dispatch]], None],
    restore_feed: Callable[[], None],
    go_on: Callable[[], None],
    erp_rests: Callable[[], object],
    limits: PollLimits,
) -> int:
    """Read the feed while its lots come back full; give the number of events that were new.

    Polls of one account that overlap do nothing. While `erp_rests`, or too much is in flight,
    nothing is read: the feed keeps its events. Where VTEX has no configuration for the feed,
    `restore_feed` makes one. A failed read ends the poll, and the lease keeps the next ticks away
    for as long as VTEX asked. Where there is more than one poll has time for, `go_on` sees to the
    next: until the next tick the workers would be idle. A poll that read something without an
    error leaves the time as the cursor's value.
    """
    started = clock()
    with ledger.leases.held(
        account, LEASE_NAME, owner=owner, clock=clock, seconds=limits.seconds * 2
    ) as lease:
        if lease is None:
            return 0
        new = room = 0
        is_cut_short = False
        try:
            while clock() - started < timedelta(seconds=limits.seconds):
                if erp_rests():
                    log.info("feed.held_back", cause="erp.unavailable")
                    break
                if room <= 0:
                    room = limits.in_flight - ledger.events.in_flight(account)
                if room <= 0:
                    log.info("feed.held_back", in_flight=limits.in_flight)
                    break
                lot = feed.get_feed(FULL_LOT)
                recorded = ledger.events.record(account, lot, now=clock())
                new += recorded.new
                room -= len(recorded.dispatches)
                dispatch(recorded.dispatches)
                lease.value = clock().isoformat()
                if len(lot) < FULL_LOT:
                    break
            else:
                is_cut_short = True
        except NotFound:
            restore_feed()
        except AuthFailed as error:
            raise AuthFailed(error.message, _REFUSED_SECONDS) from error
    if is_cut_short:
        go_on()
    return new
