"""What the ledger knows of orders that VTEX's list shows, and what the two disagree about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import parked_order
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.cursors import move_cursor
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import JournalLine, write_entries
from orders_sync.ledger.order_rows import lock_orders
from orders_sync.ledger.retention import ERASED
from orders_sync.ledger.standings import opened, parked
from orders_sync.ledger.tables import commands, documents, journal, orders
from orders_sync.ledger.wakeups import Windows, align, next_of, request_reads

FOUND: Final = "reconcile.found"
PARKED: Final = "reconcile.parked"

_KIND: Final = ": "

#: A read that was asked for is done by then, and has said when the next one is due.
_COMPARED_AGAIN: Final = timedelta(hours=1)

#: So many lines of the journal are looked through for the last event.
_LOOKED_THROUGH: Final = 200_000


@dataclass(frozen=True, slots=True)
class DiscrepancyRecord:
    """Something that VTEX and the ledger disagree about."""

    order_id: str
    kind: str
    note: str

    def entry(self, account: str, what: str, now: datetime) -> JournalLine:
        """Return the journal's entry, by which the discrepancy is recognised later."""
        return JournalLine(now, account, self.order_id, what, note=f"{self.kind}{_KIND}{self.note}")


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order's row, its finished invoices and cancellations, and when each kind was found."""

    order: Mapping[str, Any]
    commands: Sequence[Mapping[str, Any]] = ()
    found: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unmoved:
    """An order that showed a status when it was read last, with the document of that read."""

    order_id: str
    status: str
    document: bytes = field(repr=False)
    read_at: datetime
    found: Mapping[str, datetime]


class Reconciliation:
    """Looks orders up, has them read, and parks what a read does not correct."""

    def __init__(self, database: Database, windows: Windows) -> None:
        self._database = database
        self._windows = windows

    def facts(self, account: str, order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        """Return what is known of orders; unknown ones are left out."""
        is_order = (orders.c.account == account, orders.c.order_id.in_(order_ids))
        is_done = sa.select(
            commands.c.id,
            commands.c.order_id,
            commands.c.kind,
            commands.c.body,
            commands.c.value_cents,
            commands.c.updated_at,
        ).where(
            commands.c.account == account,
            commands.c.order_id.in_(order_ids),
            commands.c.kind.in_(["invoice", "cancel"]),
            commands.c.progress == "done",
            commands.c.standing == Standing.DONE,
        )
        done: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(orders).where(*is_order)).mappings().all()
            for command in connection.execute(is_done).mappings():
                done[command["order_id"]].append(dict(command))
            found_at = _found_at(connection, account, [row["order_id"] for row in rows])
        return {
            row["order_id"]: OrderRecord(
                dict(row), done.get(row["order_id"], ()), found_at.get(row["order_id"], {})
            )
            for row in rows
        }

    def unmoved(
        self,
        account: str,
        statuses: Collection[str],
        *,
        since: datetime,
        until: datetime,
        after: str,
        limit: int,
    ) -> Sequence[Unmoved]:
        """List open and finished orders that showed such a status, by id, beginning `after` one.

        `since` and `until` bound their last change in the ledger.
        """
        statement = (
            _ORDERS_WITH_DOCUMENTS.where(
                orders.c.account == account,
                orders.c.status.in_(statuses),
                orders.c.standing.in_([Standing.WAITING, Standing.DONE]),
                orders.c.updated_at > since,
                orders.c.updated_at <= until,
                orders.c.order_id > after,
            )
            .order_by(orders.c.order_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
            found_at = _found_at(connection, account, [row.order_id for row in rows])
        return [
            Unmoved(
                row.order_id,
                row.status,
                row.body,
                row.read_at,
                found_at.get(row.order_id, {}),
            )
            for row in rows
        ]

    def take_up(
        self, account: str, lot: Sequence[DiscrepancyRecord], *, what: str = FOUND, now: datetime
    ) -> list[Dispatch]:
        """Write discrepancies to the journal, and return reads of their orders to dispatch at once.

        Orders that are not known are added; what is not returned is due.
        """
        order_ids = sorted({item.order_id for item in lot})
        if not order_ids:
            return []
        with self._database.writing() as connection:
            reads = request_reads(connection, account, order_ids, windows=self._windows, now=now)
            write_entries(
                connection, [discrepancy.entry(account, what, now) for discrepancy in lot]
            )
        return reads

    def compare_due(self, account: str, *, limit: int, now: datetime) -> list[Dispatch]:
        """Read orders that are due for a comparison, the longest due first.

        The read says when the next look is due; until it has, this one is not taken again soon.
        """
        if limit <= 0:
            return []
        due = (
            sa.select(orders.c.order_id)
            .where(
                orders.c.account == account,
                orders.c.compare_at <= now,
                orders.c.standing == Standing.DONE,
            )
            .order_by(orders.c.compare_at)
            .limit(limit)
        )
        with self._database.writing() as connection:
            order_ids = connection.execute(due).scalars().all()
            reads = request_reads(connection, account, order_ids, windows=self._windows, now=now)
            connection.execute(
                sa.update(orders)
                .where(orders.c.account == account, orders.c.order_id.in_(order_ids))
                .values(compare_at=now + _COMPARED_AGAIN)
            )
        return reads

    def check_again(
        self, account: str, order_id: str, command_ids: Sequence[str], *, now: datetime
    ) -> list[Dispatch]:
        """Make sent invoices due again: each is looked for in VTEX, and sent where it is not there.

        The ERP was told that they are done, and is told again only if that changes.
        """
        statement = (
            sa.update(commands)
            .where(
                commands.c.id.in_(command_ids),
                commands.c.standing == Standing.DONE,
                commands.c.body.not_in(ERASED),
            )
            .values(
                **opened(None, at=now).of_command,
                progress="accepted",
                retried_at=now,
                version=commands.c.version + 1,
            )
            .returning(commands.c.id)
        )
        with self._database.writing() as connection:
            lock_orders(connection, account, [order_id], now=now)
            rows = connection.execute(statement).all()
            write_entries(
                connection,
                [
                    JournalLine(now, account, order_id, "command.checked", note=f"invoice {row.id}")
                    for row in rows
                ],
            )
            align(connection, account, order_id, now=now)
            return next_of(connection, account, order_id, now=now, read=False)

    def park(
        self,
        account: str,
        discrepancy: DiscrepancyRecord,
        *,
        status: str | None,
        cause: str,
        hint: str,
        now: datetime,
    ) -> bool:
        """Park an order that is not being worked on and shows this status; False: it is not so."""
        stop = parked(cause=cause, reason=discrepancy.note, hint=hint, step=Step.FETCH, at=now)
        statement = (
            sa.update(orders)
            .where(
                orders.c.account == account,
                orders.c.order_id == discrepancy.order_id,
                orders.c.standing.in_([Standing.WAITING, Standing.DONE, Standing.VOID]),
                orders.c.status == status,
                sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now),
            )
            .values(**stop.of_order, version=orders.c.version + 1)
            .returning(orders.c.version)
        )
        with self._database.writing() as connection:
            version = connection.execute(statement).scalar_one_or_none()
            if version is not None:
                write_entries(connection, [discrepancy.entry(account, PARKED, now)])
                event = parked_order(account, discrepancy.order_id, version, cause, at=now)
                self._database.outbox.write(connection, [event])
        return version is not None

    def enter_gap(
        self, account: str, gap: str, walks: Mapping[str, str | None], *, now: datetime
    ) -> None:
        """Move the cursors of walks to a gap and take the gap's own away, all at once."""
        with self._database.writing() as connection:
            for name, value in {**walks, gap: None}.items():
                move_cursor(connection, account, name, value, now=now)

    def heard_since(self, account: str) -> datetime | None:
        """Return when the account's first order was recorded; this reads all of them."""
        first = sa.select(sa.func.min(orders.c.first_seen_at)).where(orders.c.account == account)
        with self._database.reading() as connection:
            at: datetime | None = connection.execute(first).scalar_one_or_none()
        return at

    def last_event_at(self, account: str) -> datetime | None:
        """Return when the feed last brought something new; None where that is too long ago."""
        newest = sa.select(sa.func.max(journal.c.id)).scalar_subquery()
        statement = (
            sa.select(journal.c.at)
            .where(
                journal.c.id > newest - _LOOKED_THROUGH,
                journal.c.account == account,
                journal.c.what == "event.recorded",
            )
            .order_by(journal.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            at: datetime | None = connection.execute(statement).scalar_one_or_none()
        return at


_ORDERS_WITH_DOCUMENTS: Final = sa.select(
    orders.c.order_id, orders.c.status, documents.c.body, documents.c.read_at
).join(
    documents,
    sa.and_(documents.c.account == orders.c.account, documents.c.order_id == orders.c.order_id),
)


def _found_at(
    connection: sa.Connection, account: str, order_ids: Sequence[str]
) -> Mapping[str, Mapping[str, datetime]]:
    """Return by order when each kind was found last, and when the order was parked for it."""
    statement = (
        sa.select(journal.c.order_id, journal.c.what, journal.c.note, journal.c.at)
        .where(
            journal.c.account == account,
            journal.c.order_id.in_(order_ids),
            journal.c.what.in_([FOUND, PARKED]),
        )
        .order_by(journal.c.id)
    )
    found_at: dict[str, dict[str, datetime]] = defaultdict(dict)
    if order_ids:
        for row in connection.execute(statement):
            kind = row.note.partition(_KIND)[0]
            found_at[row.order_id][kind if row.what == FOUND else f"{PARKED} {kind}"] = row.at
    return found_at
