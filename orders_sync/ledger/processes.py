"""Which worker processes live, and what becomes of the work of those that do not.

A claim belongs to a process. One that is not seen for `SILENT_FOR` is taken to be dead, and what it
had is free: at once, or where a write to VTEX may be on the wire, once that cannot be any more. A
process that was only held up writes nothing under a version that another has raised since.

What a living process could not write, since the database was away, it writes once that is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN
from orders_sync.domain.steps import Claim, CommandClaim
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.engine import Database
from orders_sync.ledger.outbox import deliveries
from orders_sync.ledger.statements import insert_into, lock
from orders_sync.ledger.tables import commands, cursors, orders, workers

#: A process says so often that it lives, and is dead when it has not done so for the longer time.
SEEN_EVERY: Final = timedelta(seconds=2)
SILENT_FOR: Final = timedelta(seconds=7)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process: its name in leases, Celery's name for it, its queues and its threads."""

    process: str
    node: str
    queues: frozenset[str]
    threads: int
    seen_at: datetime

    def serves(self, queue: str) -> bool:
        """Check whether it takes from a queue."""
        return queue in self.queues


class Processes:
    """Keeps the list of living workers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(
        self, process: str, *, node: str, queues: Collection[str], threads: int, now: datetime
    ) -> None:
        """Write that a process lives."""
        row = {
            "process": process,
            "node": node,
            "queues": ",".join(sorted(queues)),
            "threads": threads,
            "started_at": now,
            "seen_at": now,
        }
        with self._database.writing() as connection:
            connection.execute(_see(connection.dialect.name), row)

    def living(self, *, now: datetime) -> Sequence[Worker]:
        """List the workers that live, by node."""
        with self._database.reading() as connection:
            return [
                Worker(
                    row.process,
                    row.node,
                    frozenset(row.queues.split(",")),
                    row.threads,
                    row.seen_at,
                )
                for row in connection.execute(_LIVING, {"silent_since": now - SILENT_FOR})
            ]

    def leave(self, process: str, *, now: datetime) -> None:
        """Release all that a process has, which it is done with."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(workers).where(workers.c.process == process))
            _free(connection, [process], now)

    def bury(self, *, now: datetime) -> Sequence[str]:
        """Free what processes have that are not seen any more; return their names."""
        with self._database.writing() as connection:
            dead = connection.execute(_BURY, {"silent_since": now - SILENT_FOR}).scalars().all()
            if dead:
                _free(connection, dead, now)
        return dead

    def free_claim(self, claim: Claim | CommandClaim, process: str, *, at: datetime) -> None:
        """Free at a time what a process claimed, which nobody works on any more.

        What another has taken over since is left alone, and so is what was recorded after all.
        """
        of_order = (orders.c.account == claim.account, orders.c.order_id == claim.order_id)
        with self._database.writing() as connection:
            _free_orders(
                connection, [process], at, *of_order, orders.c.version == _order_version(claim)
            )


class Postponed:
    """Writes of this process that the ledger could not take, since it was away.

    Nobody has in hand what they are about. A thread beside the heartbeat repeats them.
    """

    def __init__(self) -> None:
        self._writes: deque[Callable[[], object]] = deque()

    def add(self, write: Callable[[], object]) -> None:
        """Keep a write for `repeat`; to do it twice must be harmless."""
        self._writes.append(write)

    def repeat(self) -> int:
        """Do the writes, the oldest first; return how many.

        Raises:
            LedgerUnavailable: the ledger is still away; what is left waits.
        """
        number = len(self._writes)
        for _ in range(number):
            write = self._writes.popleft()
            try:
                write()
            except LedgerUnavailable:
                self._writes.append(write)
                raise
        return number


def _order_version(claim: Claim | CommandClaim) -> int:
    return claim.order_version if isinstance(claim, CommandClaim) else claim.version


_SILENT_SINCE: Final = sa.bindparam("silent_since", type_=workers.c.seen_at.type)
_LIVING: Final = (
    sa.select(workers)
    .where(workers.c.seen_at > _SILENT_SINCE)
    .order_by(workers.c.node, workers.c.process)
)
_BURY: Final = (
    sa.delete(workers).where(workers.c.seen_at <= _SILENT_SINCE).returning(workers.c.process)
)


@cache
def _see(dialect: str) -> sa.Executable:
    insert = insert_into(workers, dialect)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[workers.c.process],
        set_={"seen_at": new.seen_at, "queues": new.queues, "threads": new.threads},
    )


_IN_ORDER: Final = (
    sa.select(orders.c.order_id).order_by(orders.c.account, orders.c.order_id).with_for_update()
)


def _free(connection: sa.Connection, processes: Sequence[str], now: datetime) -> None:
    _free_orders(connection, processes, now)
    connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.lease_owner.in_(processes))
        .values(lease_owner=None, dispatched_until=None)
    )
    connection.execute(
        sa.update(cursors)
        .where(cursors.c.lease_owner.in_(processes))
        .values(lease_owner=None, lease_until=now)
    )


def _free_orders(
    connection: sa.Connection,
    processes: Sequence[str],
    at: datetime,
    *conditions: sa.ColumnElement[bool],
) -> None:
    """Free orders that processes have at a time, and make what was in hand due."""
    is_theirs = (orders.c.lease_owner.in_(processes), orders.c.lease_until > at, *conditions)
    free_at = sa.case((orders.c.write_until > at, orders.c.write_until), else_=at)
    freed = {"lease_until": free_at, "dispatched_until": free_at}
    lock(connection, _IN_ORDER.where(*is_theirs))
    theirs = sa.update(orders).where(*is_theirs).values(freed)
    keys = [
        (row.account, row.order_id)
        for row in connection.execute(theirs.returning(orders.c.account, orders.c.order_id))
    ]
    if keys:
        # What of their commands was in hand is due once their order is free.
        connection.execute(
            sa.update(commands)
            .where(
                commands.c.order_id.in_({order_id for _, order_id in keys}),
                sa.tuple_(commands.c.account, commands.c.order_id).in_(keys),
                commands.c.standing.in_(OPEN),
            )
            .values(dispatched_until=None)
        )
