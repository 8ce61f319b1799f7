"""The outbox: events for endpoints, written in the transaction that makes them true; its tables.

An event is written once, and for each endpoint that wants it and is on, a delivery. Where no
endpoint wants it, nothing is written, and nothing is asked of the database but the endpoints,
every other second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from time import monotonic
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, EventType, command_event
from orders_sync.ledger.statements import Row, insert_into
from orders_sync.ledger.tables import ShortText, UtcDateTime, metadata, partial_index

endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, comment="the events that it wants, by blanks; empty: all"),
    sa.Column("accounts", sa.Text, comment="the accounts that it is for, by blanks; empty: all"),
    sa.Column("secret", sa.Text, nullable=False, comment="signs what it is sent"),
    sa.Column("old_secret", sa.Text, comment="the one before it, which signs too"),
    sa.Column("old_secret_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("off_at", UtcDateTime, comment="since when it gets nothing"),
    sa.Column("off_why", sa.String(20), comment="person, gone or failing"),
    sa.Column("failures", sa.Integer, nullable=False, comment="in a row"),
    sa.Column("failing_since", UtcDateTime, comment="the first of them"),
    sa.Column("rests_until", UtcDateTime, comment="nothing is sent to it before"),
    sa.Column("succeeded_at", UtcDateTime, comment="the last delivery, to the minute"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, comment="what an endpoint knows it by"),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("told", sa.String(40), nullable=False, comment="the event's name"),
    sa.Column("account", sa.String(100), nullable=False, comment="empty for all of them"),
    sa.Column("order_id", sa.Text, nullable=False, comment="empty where it is of none"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON, as it is sent"),
    sa.UniqueConstraint("id"),
    sa.Index(None, "at"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("endpoint_id", sa.String(20), primary_key=True),
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("due_at", UtcDateTime, comment="from when it may be sent; none once it has ended"),
    sa.Column("dispatched_until", UtcDateTime, comment="a message or a worker has it until then"),
    sa.Column("lease_owner", sa.String(200), comment="the process that sends it"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcDateTime, comment="the first failed try"),
    sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
    sa.Column("ended_at", UtcDateTime, comment="when it was taken or given up"),
    sa.Column("is_taken", sa.Boolean, comment="how it ended"),
    partial_index("ix_deliveries_due", "endpoint_id", "due_at", "seq", where="due_at IS NOT NULL"),
    partial_index(
        "ix_deliveries_line",
        "endpoint_id",
        "account",
        "order_id",
        "seq",
        where="due_at IS NOT NULL",
    ),
    partial_index("ix_deliveries_dispatched", "endpoint_id", "dispatched_until"),
    partial_index("ix_deliveries_leased", "lease_owner"),
    partial_index(
        "ix_deliveries_given_up",
        "endpoint_id",
        "ended_at",
        where="is_taken = false",
        sqlite="is_taken = 0",
    ),
    sa.Index(None, "seq"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("endpoint_id", sa.String(20), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("answer", ShortText(100), nullable=False, comment="a status, or what went wrong"),
    sa.Index(None, "endpoint_id", "seq"),
)


#: A process knows of a new endpoint, and of one that was changed, after so long.
KNOWN_AFTER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an endpoint wants: its events and accounts, None for all of them."""

    endpoint_id: str
    events: frozenset[str] | None
    accounts: frozenset[str] | None
    is_on: bool

    @classmethod
    def from_row(cls, row: Any) -> Subscription:
        """Return what the row of an endpoint says."""
        return cls(row.id, _names(row.events), _names(row.accounts), row.off_at is None)

    def wants(self, event_type: str, account: str) -> bool:
        """Check whether the endpoint wants an event; one of no account is for every endpoint."""
        return (self.events is None or event_type in self.events) and (
            self.accounts is None or not account or account in self.accounts
        )


#: So many events are written by one statement, whose parameters databases bound.
_LOT: Final = 500


class Outbox:
    """Writes events; a process has one for its database, which knows for a moment who wants what.

    `counter` gives seconds that only grow.
    """

    def __init__(self, counter: Callable[[], float] = monotonic) -> None:
        self._counter = counter
        self._known: Sequence[Subscription] = ()
        self._known_until = 0.0

    def write(
        self, connection: sa.Connection, events: Iterable[Announcement], *, but_not: str = ""
    ) -> None:
        """Write events for all who want them, but not for the endpoint `but_not`.

        What was written before under the same id is not written again.
        """
        subscriptions = [s for s in self.subscriptions(connection) if s.endpoint_id != but_not]
        if not subscriptions:
            return
        remaining = iter(events)
        while lot := list(islice(remaining, _LOT)):
            _write(connection, lot, subscriptions)

    def subscriptions(self, connection: sa.Connection) -> Sequence[Subscription]:
        """Return what each endpoint wants, as it was two seconds ago or later."""
        now = self._counter()
        if now >= self._known_until:
            self._known = [Subscription.from_row(row) for row in connection.execute(_WANTED)]
            self._known_until = now + KNOWN_AFTER_SECONDS
        return self._known

    def forget(self) -> None:
        """Read what endpoints want again when that is needed next."""
        self._known_until = 0.0


_WANTED: Final = sa.select(
    endpoints.c.id, endpoints.c.events, endpoints.c.accounts, endpoints.c.off_at
)
_DELIVER: Final = sa.insert(deliveries)
#: An order's events go to an endpoint one after the other.
_LINE: Final = (deliveries.c.endpoint_id, deliveries.c.account, deliveries.c.order_id)
#: When the last of those that have not ended is due: a later one is due no earlier.
_AHEAD: Final = (
    sa.select(*_LINE, sa.func.max(deliveries.c.due_at).label("due_at"))
    .where(
        *(column.in_(sa.bindparam(f"of_{column.name}", expanding=True)) for column in _LINE),
        deliveries.c.due_at.is_not(None),
    )
    .group_by(*_LINE)
)


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split())


def _write(
    connection: sa.Connection, lot: Iterable[Announcement], subscriptions: Iterable[Subscription]
) -> None:
    rows: dict[str, Row] = {}
    receivers: dict[str, list[str]] = {}
    for announcement in lot:
        wanting = [s for s in subscriptions if s.wants(announcement.type, announcement.account)]
        if wanting:
            rows[announcement.id] = _row(announcement)
            receivers[announcement.id] = [s.endpoint_id for s in wanting if s.is_on]
    if rows:
        added = connection.execute(_add(connection.dialect.name), list(rows.values()))
        new = [rows[row.id] | {"seq": row.seq} for row in added]
        _deliver(connection, new, receivers)


def _row(announcement: Announcement) -> Row:
    return {
        "id": announcement.id,
        "at": announcement.at,
        "told": announcement.type,
        "account": announcement.account,
        # A parked message waits for no other one: it has a line of its own, as an order has.
        "order_id": announcement.order_id or announcement.message or "",
        "body": announcement.body(),
    }


def _deliver(
    connection: sa.Connection, events: Sequence[Row], receivers: Mapping[str, Sequence[str]]
) -> None:
    """Have events sent to the endpoints that receive each, by its id."""
    rows: list[Row] = [
        {
            "endpoint_id": endpoint_id,
            "seq": event["seq"],
            "account": event["account"],
            "order_id": event["order_id"],
            "due_at": event["at"],
            "attempts": 0,
            "version": 0,
        }
        for event in sorted(events, key=lambda event: int(event["seq"]))
        for endpoint_id in sorted(receivers[event["id"]])
    ]
    if not rows:
        return
    lines = {f"of_{column.name}": list({row[column.name] for row in rows}) for column in _LINE}
    ahead = {(*line,): due_at for *line, due_at in connection.execute(_AHEAD, lines)}
    for row in rows:
        line = tuple(row[column.name] for column in _LINE)
        row["due_at"] = ahead[line] = max(row["due_at"], ahead.get(line, row["due_at"]))
    connection.execute(_DELIVER, rows)


@cache
def _add(dialect: str) -> sa.Executable:
    statement = insert_into(outbox, dialect).on_conflict_do_nothing(index_elements=[outbox.c.id])
    return statement.returning(outbox.c.id, outbox.c.seq)


def of_commands(
    rows: Iterable[sa.Row[Any] | Mapping[str, Any]],
    *,
    at: datetime,
    event_type: EventType | None = None,
) -> Iterator[Announcement]:
    """Yield the events of rows of `commands`: of a given type, or by standing, of those that ended.

    They are made only where they are written. That a command is done is told once, its other ends
    whenever they come.
    """
    for row in rows:
        facts = row if isinstance(row, Mapping) else row._mapping  # noqa: SLF001 - SQLAlchemy's name.
        kind = event_type or command_event(facts["standing"], facts["outcome"])
        if kind is None:
            continue
        yield Announcement(
            kind,
            at,
            facts["account"],
            mark="" if kind is EventType.COMMAND_DONE else f"{facts['version']}",
            order_id=facts["order_id"] or None,
            command_id=facts["id"],
            command=facts["kind"],
            key=facts["asked_key"],
            outcome=facts["outcome"],
            cause=facts["cause"],
            receipt=facts.get("receipt"),
        )
