"""The messages that no task could take, and what people decide about them.

A message's body may hold personal data: it is read only where it is asked for, and erased once
somebody has decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.domain.rules import Standing
from orders_sync.ledger.cursors import EVERY_ACCOUNT, move_cursor
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, keep_act
from orders_sync.ledger.retention import erase_for_good
from orders_sync.ledger.searches import PageEnd, beyond
from orders_sync.ledger.statements import Row, insert_into
from orders_sync.ledger.tables import cursors, strays

#: Begins the id of every stray, which tells it from orders and commands.
PREFIX: Final = "stray-"

#: Another worker may be able to take these; the others are no messages for anybody.
RETRYABLE: Final = frozenset({"unknown-task", "invalid-task", "never-ended"})

_DROPPED: Final = "strays.dropped"

_TOLD: Final = (
    strays.c.id,
    strays.c.arrived_at,
    strays.c.queue,
    strays.c.reason,
    strays.c.name,
    strays.c.size,
    strays.c.standing,
    strays.c.decided_at,
    strays.c.body.is_not(None).label("has_body"),
)


@dataclass(frozen=True, slots=True)
class DroppedStrays:
    """How many strays the broker has dropped, since they were too many, and when that was seen."""

    count: int
    seen_at: datetime


class Strays:
    """Keeps strays; those that wait for a person are parked, retried ones done, others void."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        broker_id: str,
        *,
        arrived_at: datetime,
        queue: str,
        reason: str,
        name: str,
        body: bytes,
    ) -> None:
        """Keep a stray of the broker; one that is known stays what it is."""
        values = {
            "id": PREFIX + broker_id,
            "arrived_at": arrived_at,
            "queue": _printable(queue),
            "reason": reason,
            "name": _printable(name),
            "size": len(body),
            "body": body,
            "standing": Standing.PARKED,
        }
        with self._database.writing() as connection:
            statement = insert_into(strays, connection.dialect.name).values(**values)
            connection.execute(statement.on_conflict_do_nothing(index_elements=[strays.c.id]))
            event = Announcement(
                EventType.MESSAGE_PARKED,
                arrived_at,
                EVERY_ACCOUNT,
                cause=reason,
                message=PREFIX + broker_id,
            )
            self._database.outbox.write(connection, [event])

    def parked(
        self, *, reason: str | None = None, limit: int = 50, after: PageEnd | None = None
    ) -> Sequence[Row]:
        """List what waits for a person, the latest first; with `after`, beyond the end of a page.

        `has_body` stands for the body.
        """
        statement = (
            sa.select(*_TOLD)
            .where(strays.c.standing == Standing.PARKED)
            .where(*beyond(after, strays.c.arrived_at, strays.c.id))
            .order_by(strays.c.arrived_at.desc(), strays.c.id.desc())
            .limit(limit)
        )
        if reason is not None:
            statement = statement.where(strays.c.reason == reason)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def count_parked(self) -> Mapping[str, int]:
        """Count what waits for a person, by reason."""
        statement = (
            sa.select(strays.c.reason, sa.func.count().label("parked"))
            .where(strays.c.standing == Standing.PARKED)
            .group_by(strays.c.reason)
        )
        with self._database.reading() as connection:
            return {row.reason: row.parked for row in connection.execute(statement)}

    def note_dropped(self, count: int, *, now: datetime) -> None:
        """Write how many the broker has dropped so far, if that has changed."""
        known = self.dropped()
        if count and (known is None or known.count != count):
            with self._database.writing() as connection:
                move_cursor(connection, EVERY_ACCOUNT, _DROPPED, f"{count}", now=now)

    def dropped(self) -> DroppedStrays | None:
        """Return what the broker has dropped; None where that is nothing."""
        statement = sa.select(cursors.c.value, cursors.c.updated_at).where(
            cursors.c.account == EVERY_ACCOUNT, cursors.c.name == _DROPPED
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else DroppedStrays(int(row.value), row.updated_at)

    def find(self, stray_id: str) -> Row | None:
        """Return a stray without its body."""
        statement = sa.select(*_TOLD).where(strays.c.id == stray_id)
        with self._database.reading() as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else dict(row)

    def body(self, stray_id: str) -> bytes | None:
        """Return the whole message as it was; None where it was erased."""
        statement = sa.select(strays.c.body).where(strays.c.id == stray_id)
        with self._database.reading() as connection:
            body: bytes | None = connection.execute(statement).scalar_one_or_none()
        return body

    def retry(self, stray_id: str, put_back: Callable[[str, bytes], None], act: Act) -> None:
        """Send a stray again by `put_back` (queue, message), then erase its body.

        It is sent twice where this process dies in between, which a command's key makes harmless.

        Raises:
            DecisionRefused: it is not parked, or no worker could ever take it.
        """
        with self._database.writing() as connection:
            row = _parked(connection, stray_id)
            if row.reason not in RETRYABLE:
                raise DecisionRefused(
                    f"Stray {stray_id} is {row.reason}: no worker can ever take it. Have the "
                    f"service send it rightly, then: orders-sync parked discard {stray_id}"
                )
            if row.body is None:
                raise DecisionRefused(
                    f"The body of stray {stray_id} was erased, as it is older than "
                    "ORDERS_SYNC_RETENTION_DAYS. Have the service send it again, then: "
                    f"orders-sync parked discard {stray_id}"
                )
            put_back(row.queue, row.body)
            _decide(connection, stray_id, Standing.DONE, "parked retry", act)

    def discard(self, stray_id: str, act: Act) -> None:
        """Discard a stray, and erase its body.

        Raises:
            DecisionRefused: it is not parked.
        """
        with self._database.writing() as connection:
            _parked(connection, stray_id)
            _decide(connection, stray_id, Standing.VOID, "parked discard", act)

    def erase_bodies(self, *, before: datetime) -> int:
        """Erase the bodies of undecided strays from before an instant; return how many."""
        statement = (
            sa.update(strays)
            .where(
                strays.c.standing == Standing.PARKED,
                strays.c.arrived_at < before,
                strays.c.body.is_not(None),
            )
            .values(body=None)
        )
        with self._database.writing() as connection:
            erase_for_good(connection)
            return connection.execute(statement).rowcount


def _parked(connection: sa.Connection, stray_id: str) -> sa.Row[Any]:
    statement = sa.select(strays).where(strays.c.id == stray_id).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise DecisionRefused(
            f"There is no stray {stray_id}. See the parked ones: orders-sync parked list"
        )
    if row.standing != Standing.PARKED:
        raise DecisionRefused(
            f"Stray {stray_id} is not parked: it was retried before."
            if row.standing == Standing.DONE
            else f"Stray {stray_id} is not parked: it was discarded before."
        )
    return row


def _decide(
    connection: sa.Connection, stray_id: str, standing: Standing, did: str, act: Act
) -> None:
    erase_for_good(connection)
    connection.execute(
        sa.update(strays)
        .where(strays.c.id == stray_id)
        .values(standing=standing, body=None, decided_at=act.at)
    )
    keep_act(connection, act, f"{did} {stray_id}")


def _printable(text: str) -> str:
    """Replace what a database cannot keep or a terminal would obey: anybody may have sent it."""
    return "".join(char if char.isprintable() else "?" for char in text)
