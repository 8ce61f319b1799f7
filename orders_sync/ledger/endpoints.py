"""Endpoints that events are sent to: where each is, what it wants, how it fares, what it hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.ledger.accounts import Chore, wake
from orders_sync.ledger.cursors import EVERY_ACCOUNT, move_cursor
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, keep_act
from orders_sync.ledger.outbox import Subscription, attempts, deliveries, endpoints
from orders_sync.ledger.tables import cursors

#: Why an endpoint is off: a person said so, it answered 410, or it failed for too long.
OffWhy = Literal["person", "gone", "failing"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint; `events` and `accounts` are None where it wants all of them.

    The secret of before is valid, beside the present one, until `old_secret_until`.
    """

    id: str
    url: str = field(repr=False)
    events: frozenset[str] | None
    accounts: frozenset[str] | None
    secret: str = field(repr=False)
    created_at: datetime
    old_secret: str | None = field(default=None, repr=False)
    old_secret_until: datetime | None = None
    off_at: datetime | None = None
    off_why: OffWhy | None = None
    failures: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    succeeded_at: datetime | None = None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Endpoint:
        """Return what a row of `endpoints` says."""
        subscription = Subscription.from_row(row)
        wants = {"events": subscription.events, "accounts": subscription.accounts}
        return cls(**{**row._mapping, **wants})  # noqa: SLF001 - SQLAlchemy's documented name.

    def secrets(self, now: datetime) -> Sequence[str]:
        """Return the secrets that sign, the present one first."""
        is_old_valid = self.old_secret_until is not None and now < self.old_secret_until
        return [self.secret, *([self.old_secret] if self.old_secret and is_old_valid else [])]


class Endpoints:
    """Keeps endpoints; what people do with them is in the operator's log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, endpoint: Endpoint, act: Act) -> None:
        """Keep a new endpoint: it is sent what happens from then on."""
        values = {
            "id": endpoint.id,
            "url": endpoint.url,
            "events": _text(endpoint.events),
            "accounts": _text(endpoint.accounts),
            "secret": endpoint.secret,
            "created_at": endpoint.created_at,
            "failures": 0,
        }
        with self._database.writing() as connection:
            connection.execute(sa.insert(endpoints).values(**values))
            wake(connection, EVERY_ACCOUNT, Chore.WATCH_PAUSES, act.at)
            keep_act(connection, act, f"endpoints add {endpoint.id}")
        self._database.outbox.forget()

    def all(self) -> Sequence[Endpoint]:
        """Return all endpoints, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(endpoints).order_by(endpoints.c.created_at))
            return [Endpoint.from_row(row) for row in rows]

    def find(self, endpoint_id: str) -> Endpoint | None:
        """Return the endpoint of an id."""
        with self._database.reading() as connection:
            row = connection.execute(_OF_ID, {"of_id": endpoint_id}).one_or_none()
        return None if row is None else Endpoint.from_row(row)

    def remove(self, endpoint_id: str, act: Act) -> bool:
        """Forget an endpoint and all that waits for it; False where there is none of the id."""
        with self._database.writing() as connection:
            gone = connection.execute(sa.delete(endpoints).where(endpoints.c.id == endpoint_id))
            for table in (deliveries, attempts):
                connection.execute(sa.delete(table).where(table.c.endpoint_id == endpoint_id))
            if gone.rowcount:
                keep_act(connection, act, f"endpoints remove {endpoint_id}")
        self._database.outbox.forget()
        return gone.rowcount > 0

    def enable(self, endpoint_id: str, act: Act) -> bool:
        """Send to an endpoint again, beginning with what waits; False where it is not off."""
        on = {"off_at": None, "off_why": None}
        calm = {"failures": 0, "failing_since": None, "rests_until": None}
        return self._change(endpoint_id, on | calm, act, "enable", endpoints.c.off_at.is_not(None))

    def disable(self, endpoint_id: str, act: Act) -> bool:
        """Send nothing more to an endpoint, and keep what waits; False where it is off."""
        off = {"off_at": act.at, "off_why": "person"}
        return self._change(endpoint_id, off, act, "disable", endpoints.c.off_at.is_(None))

    def rotate(self, endpoint_id: str, secret: str, *, old_until: datetime, act: Act) -> bool:
        """Sign with a new secret, and with the present one too until `old_until`."""
        rotated = {
            "secret": secret,
            "old_secret": endpoints.c.secret,
            "old_secret_until": old_until,
        }
        return self._change(endpoint_id, rotated, act, "rotate", sa.true())

    def note_pause(self, account: str, cause: str | None, *, now: datetime) -> bool:
        """Announce an account's pause, or its end where `cause` is None; False where that is known.

        One that has another cause than before is told as a new one.
        """
        with self._database.writing() as connection:
            known = connection.execute(_PAUSE_TOLD, {"of_account": account}).scalar_one_or_none()
            if known == cause:
                return False
            move_cursor(connection, account, _PAUSE_CURSOR, cause, now=now)
            event_type = EventType.ACCOUNT_RESUMED if cause is None else EventType.ACCOUNT_PAUSED
            announcement = Announcement(
                event_type, now, account, mark=now.isoformat(), cause=cause or known
            )
            self._database.outbox.write(connection, [announcement])
        return True

    def _change(
        self,
        endpoint_id: str,
        changes: dict[str, Any],
        act: Act,
        did: str,
        condition: sa.ColumnElement[bool],
    ) -> bool:
        statement = sa.update(endpoints).where(endpoints.c.id == endpoint_id, condition)
        with self._database.writing() as connection:
            is_changed = connection.execute(statement.values(**changes)).rowcount > 0
            if is_changed:
                wake(connection, EVERY_ACCOUNT, Chore.WATCH_PAUSES, act.at)
                keep_act(connection, act, f"endpoints {did} {endpoint_id}")
        self._database.outbox.forget()
        return is_changed


_PAUSE_CURSOR: Final = "pause.told"
_PAUSE_TOLD: Final = sa.select(cursors.c.value).where(
    cursors.c.account == sa.bindparam("of_account"), cursors.c.name == _PAUSE_CURSOR
)
_OF_ID: Final = sa.select(endpoints).where(endpoints.c.id == sa.bindparam("of_id"))


def switch_off(
    connection: sa.Connection, database: Database, endpoint_id: str, why: OffWhy, *, now: datetime
) -> None:
    """Switch an endpoint off that is on, and announce that to the others."""
    statement = sa.update(endpoints).where(
        endpoints.c.id == endpoint_id, endpoints.c.off_at.is_(None)
    )
    if connection.execute(statement.values(off_at=now, off_why=why)).rowcount == 0:
        return
    event = Announcement(
        EventType.ENDPOINT_OFF,
        now,
        EVERY_ACCOUNT,
        mark=now.isoformat(),
        endpoint=endpoint_id,
        cause=f"endpoint.{why}",
    )
    database.outbox.write(connection, [event], but_not=endpoint_id)
    database.outbox.forget()


def hurry(connection: sa.Connection, endpoint_id: str, *, now: datetime) -> None:
    """Make what waits for its next try due at once, in the order in which it happened."""
    connection.execute(_HURRY, {"of_endpoint": endpoint_id, "now": now})


_HURRY: Final = (
    sa.update(deliveries)
    .where(
        deliveries.c.endpoint_id == sa.bindparam("of_endpoint"),
        deliveries.c.due_at > sa.bindparam("now", type_=deliveries.c.due_at.type),
        deliveries.c.lease_owner.is_(None),
    )
    .values(due_at=sa.bindparam("now", type_=deliveries.c.due_at.type))
)


def _text(names: frozenset[str] | None) -> str | None:
    return None if names is None else " ".join(sorted(names))
