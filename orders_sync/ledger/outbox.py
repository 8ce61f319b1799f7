"""The outbox: events for endpoints, written in the transaction that makes them true.

An event is written once, and for each endpoint that wants it and is on, a delivery. Where no
endpoint wants it, nothing is written, and nothing is asked of the database but the endpoints,
every other second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from time import monotonic
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import Announcement, Told, command_told
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.outbox_tables import deliveries, endpoints, outbox

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

    def wants(self, told: str, account: str) -> bool:
        """Check whether it is to hear of an event; one of no account is for every endpoint."""
        return (self.events is None or told in self.events) and (
            self.accounts is None or not account or account in self.accounts
        )


class Outbox:
    """Writes events; a process has one for its database, which knows for a moment who wants what.

    `counter` gives seconds that only grow.
    """

    def __init__(self, counter: Callable[[], float] = monotonic) -> None:
        self._counter = counter
        self._known: Sequence[Subscription] = ()
        self._known_until = 0.0

    def write(
        self, connection: sa.Connection, told: Iterable[Announcement], *, but_not: str = ""
    ) -> None:
        """Write events for all who want them, but not for the endpoint `but_not`.

        What was written before under the same id is not written again.
        """
        subscriptions = self.subscriptions(connection)
        if not subscriptions:
            return
        for announcement in told:
            wanting = [
                subscription
                for subscription in subscriptions
                if subscription.endpoint_id != but_not
                and subscription.wants(announcement.told, announcement.account)
            ]
            if wanting:
                _write(connection, announcement, [s.endpoint_id for s in wanting if s.is_on])

    def subscriptions(self, connection: sa.Connection) -> Sequence[Subscription]:
        """Return what each endpoint wants, as it was two seconds ago or later."""
        now = self._counter()
        if now >= self._known_until:
            self._known = [Subscription.from_row(row) for row in connection.execute(_WANTED)]
            self._known_until = now + KNOWN_AFTER_SECONDS
        return self._known

    def forget(self) -> None:
        """Ask the database who wants what when that is needed next."""
        self._known_until = 0.0


_WANTED: Final = sa.select(
    endpoints.c.id, endpoints.c.events, endpoints.c.accounts, endpoints.c.off_at
)
_DELIVER: Final = sa.insert(deliveries)
#: When the last of an order's events that have not ended is due: a later one is due no earlier.
_AHEAD: Final = (
    sa.select(deliveries.c.endpoint_id, sa.func.max(deliveries.c.due_at).label("due_at"))
    .where(
        deliveries.c.endpoint_id.in_(sa.bindparam("to", expanding=True)),
        deliveries.c.account == sa.bindparam("of_account"),
        deliveries.c.order_id == sa.bindparam("of_order"),
        deliveries.c.due_at.is_not(None),
    )
    .group_by(deliveries.c.endpoint_id)
)


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split())


def _write(
    connection: sa.Connection, announcement: Announcement, endpoint_ids: Sequence[str]
) -> None:
    # A parked message waits for no other one: it has a line of its own, as an order has.
    order_id = announcement.order_id or announcement.message or ""
    row = {
        "id": announcement.id,
        "at": announcement.at,
        "told": announcement.told,
        "account": announcement.account,
        "order_id": order_id,
        "body": announcement.body(),
    }
    seq = connection.execute(_add(connection.dialect.name), row).scalar_one_or_none()
    if seq is None or not endpoint_ids:
        return
    line = {"of_account": announcement.account, "of_order": order_id, "to": endpoint_ids}
    ahead = {row.endpoint_id: row.due_at for row in connection.execute(_AHEAD, line)}
    delivery = {
        "seq": seq,
        "account": announcement.account,
        "order_id": order_id,
        "attempts": 0,
        "version": 0,
    }
    rows = [
        delivery
        | {
            "endpoint_id": endpoint_id,
            "due_at": max(announcement.at, ahead.get(endpoint_id, announcement.at)),
        }
        for endpoint_id in sorted(endpoint_ids)
    ]
    connection.execute(_DELIVER, rows)


@cache
def _add(dialect: str) -> sa.Executable:
    statement = insert_into(outbox, dialect).on_conflict_do_nothing(index_elements=[outbox.c.id])
    return statement.returning(outbox.c.seq)


def of_command(
    row: sa.Row[Any] | Mapping[str, Any], *, at: datetime, told: Told | None = None
) -> Iterator[Announcement]:
    """Return the event of a row of `commands`: `told`, or by its standing, where it has ended.

    It is worked out where somebody asks. That a command is done is told once, its other ends
    whenever they come.
    """
    facts = row if isinstance(row, Mapping) else row._mapping  # noqa: SLF001 - SQLAlchemy's name.
    told = told or command_told(facts["standing"], facts["outcome"])
    if told is not None:
        yield Announcement(
            told,
            at,
            facts["account"],
            mark="" if told is Told.COMMAND_DONE else f"{facts['version']}",
            order_id=facts["order_id"] or None,
            command_id=facts["id"],
            command=facts["kind"],
            key=facts["asked_key"],
            outcome=facts["outcome"],
            cause=facts["cause"],
            receipt=facts.get("receipt"),
        )
