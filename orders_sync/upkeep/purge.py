"""Erases personal data that is past its retention, and moves what is stray out of the broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
import structlog

from orders_sync.broker.strays import BrokerStrays, Stray
from orders_sync.domain.rules import Standing
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.ledger.retention import FINISHED, Erased, Whose
from orders_sync.ledger.tables import commands, orders

log = structlog.get_logger(__name__)

LEASE_NAME: Final = "upkeep.purge"
_LEASE_SECONDS: Final = 300
_MOST_TIME: Final = timedelta(seconds=60)
_LOT: Final = 200

#: As many bodies are held in memory at a time.
_STRAYS_LOT: Final = 20
_MOST_LOTS: Final = 50


@dataclass(frozen=True, slots=True)
class _Round:
    """One way to find what may be due: by the end of orders, or of commands.

    An order whose command ended later than itself is found by the command.
    """

    table: sa.Table
    standing: Standing

    @property
    def cursor(self) -> str:
        """The name of the cursor that keeps how far the round is."""
        return f"purge {self.table.name} {self.standing}"


_ROUNDS: Final = [_Round(table, standing) for table in (orders, commands) for standing in FINISHED]


def purge(
    *,
    owner: str,
    ledger: Ledger,
    clock: Clock,
    retention: timedelta | None,
    own: Mapping[str, timedelta | None] | None = None,
) -> Erased:
    """Erase lot by lot, the longest finished first, and go on where the run before stopped.

    Without a retention everything is kept; `own` are the accounts that have another one than the
    rest. A run ends within minutes; what is left is for the next one. Runs that overlap do nothing.
    """
    until = clock() + _MOST_TIME
    erased, strays = Erased(), 0
    with ledger.leases.held(
        EVERY_ACCOUNT, LEASE_NAME, owner=owner, clock=clock, seconds=_LEASE_SECONDS
    ) as lease:
        if lease is None:
            return erased
        apart = _set_apart(ledger, own or {}, retention, now=clock())
        for purge_round in _ROUNDS:
            for account, kept_for in apart.items():
                if kept_for is not None:
                    whose = Whose(only=account)
                    erased += _run(purge_round, ledger, clock, whose, clock() - kept_for, until)
            if retention is not None:
                whose = Whose(but=apart.keys())
                erased += _run(purge_round, ledger, clock, whose, clock() - retention, until)
        if retention is not None:
            strays = ledger.strays.erase_bodies(before=clock() - retention)
    if strays or erased != Erased():
        ledger.retention.empty_log()
    if strays:
        log.info("purge.strays", bodies=strays)
    if erased != Erased():
        log.info("purge.done", documents=erased.documents, commands=erased.commands)
    return erased


def forget_events(*, ledger: Ledger, clock: Clock, keep: timedelta) -> int:
    """Delete events for endpoints that are older than `keep`; return how many.

    Deliveries of endpoints that were removed are deleted too.
    """
    until, before = clock() + _MOST_TIME, clock() - keep
    nobodys = _until_done(ledger.outbox_log.forget_nobodys, clock, until)
    forgotten = _until_done(lambda: ledger.outbox_log.forget(before=before), clock, until)
    if forgotten or nobodys:
        log.info("purge.events", events=forgotten, deliveries_of_nobody=nobodys)
    return forgotten


def collect_strays(*, broker: BrokerStrays, ledger: Ledger, clock: Clock) -> int:
    """Record strays in the ledger, then delete them from the broker; return how many.

    Their bodies may be personal, which the broker must not keep. Where a process dies in between,
    the next run meets the same ids and deletes what is known.
    How many the broker had to drop is kept too.
    """
    ledger.strays.note_dropped(broker.dropped, now=clock())

    def record(stray: Stray) -> None:
        ledger.strays.record(
            stray.id,
            arrived_at=stray.when,
            queue=stray.queue,
            reason=stray.reason,
            name=stray.name,
            body=stray.body,
        )

    collected = 0
    for _ in range(_MOST_LOTS):
        if not len(broker):
            break
        collected += broker.collect(record, limit=_STRAYS_LOT)
    if collected:
        log.warning("strays.collected", strays=collected)
    return collected


def _set_apart(
    ledger: Ledger,
    own: Mapping[str, timedelta | None],
    retention: timedelta | None,
    *,
    now: datetime,
) -> Mapping[str, timedelta | None]:
    """Return the accounts that are looked at one by one, and for how long each is kept.

    One that had a retention of its own stays among them: the others' rounds are past its orders.
    """
    cursors = ledger.cursors
    apart = cursors.accounts_with(_ROUNDS[0].cursor)
    for account in own.keys() - apart:
        for purge_round in _ROUNDS:
            cursors.move(account, purge_round.cursor, None, now=now)
    return {account: own.get(account, retention) for account in sorted({*apart, *own})}


def _until_done(forget: Callable[[], int], clock: Clock, until: datetime) -> int:
    """Call `forget` until nothing is left, or no time; return how much was forgotten."""
    total = 0
    while clock() < until and (number := forget()):
        total += number
    return total


def _run(
    purge_round: _Round,
    ledger: Ledger,
    clock: Clock,
    whose: Whose,
    before: datetime,
    until: datetime,
) -> Erased:
    """Erase one round until its end or the end of the run."""
    account = whose.only or EVERY_ACCOUNT
    retention, cursors = ledger.retention, ledger.cursors
    erased = Erased()
    while clock() < until:
        stopped_at = cursors.read(account, purge_round.cursor)
        lot = retention.next_lot(
            purge_round.table,
            purge_round.standing,
            accounts=whose,
            after=datetime.fromisoformat(stopped_at) if stopped_at else None,
            before=before,
            limit=_LOT,
        )
        if lot is None:
            if whose.only and (stopped_at is None or stopped_at < before.isoformat()):
                # The next run need not go past the orders of all other accounts again.
                cursors.move(account, purge_round.cursor, before.isoformat(), now=clock())
            break
        erased += retention.erase(lot, before=before, now=clock())
        cursors.move(account, purge_round.cursor, lot.until.isoformat(), now=clock())
    return erased
