"""What was sent to endpoints and how that went; how it is sent again, and forgotten in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.announcements import EventType
from orders_sync.ledger.deliveries import Attempt
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Act, keep_act
from orders_sync.ledger.outbox import Subscription, attempts, deliveries, endpoints, outbox
from orders_sync.ledger.statements import insert_into

#: So many events are forgotten, or sent again, in one transaction.
_LOT: Final = 1000

#: How long it is told that events were given up.
_RECENTLY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sent:
    """An event, and how it fares with one endpoint; `state` is waiting, taken or given up."""

    event_id: str
    event_type: str
    at: datetime
    account: str
    order_id: str
    state: str
    due_at: datetime | None
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits for an endpoint, since when, and how much was given up lately."""

    waiting: int = 0
    since: datetime | None = None
    given_up: int = 0


class OutboxLog:
    """Reads what was sent, makes it due again, and forgets it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def backlogs(self, *, now: datetime) -> Mapping[str, Backlog]:
        """Return how much waits for each endpoint, and was given up within a day."""
        with self._database.reading() as connection:
            waiting = {row.endpoint_id: row for row in connection.execute(_WAITING)}
            terms = {"recently": now - _RECENTLY}
            given_up = {row.endpoint_id: row.number for row in connection.execute(_GIVEN_UP, terms)}
        return {
            endpoint_id: Backlog(
                waiting[endpoint_id].number if endpoint_id in waiting else 0,
                waiting[endpoint_id].since if endpoint_id in waiting else None,
                given_up.get(endpoint_id, 0),
            )
            for endpoint_id in {*waiting, *given_up}
        }

    def sent_to(self, endpoint_id: str, *, limit: int) -> Sequence[Sent]:
        """Return the latest events of an endpoint, with every try of each."""
        with self._database.reading() as connection:
            rows = connection.execute(_SENT, {"of_endpoint": endpoint_id, "most": limit}).all()
            terms = {"of_endpoint": endpoint_id, "of_seqs": [row.seq for row in rows]}
            tries: dict[int, list[Attempt]] = {}
            for row in connection.execute(_ATTEMPTS, terms):
                tries.setdefault(row.seq, []).append(Attempt(row.at, row.seconds, row.answer))
        return [
            Sent(
                row.id,
                row.told,
                row.at,
                row.account,
                "" if row.told == EventType.MESSAGE_PARKED else row.order_id,
                _state(row),
                row.due_at,
                tries.get(row.seq, []),
            )
            for row in rows
        ]

    def replay(
        self,
        endpoint_id: str,
        *,
        event_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        act: Act,
    ) -> int:
        """Make events due again for an endpoint, those that it wants; return how many.

        One event by its id, or those of a span of time. Those of an order are sent in its order.
        """
        events = sa.select(outbox).order_by(outbox.c.seq).limit(_LOT)
        if event_id is not None:
            events = events.where(outbox.c.id == event_id)
        if since is not None:
            events = events.where(outbox.c.at >= since)
        if until is not None:
            events = events.where(outbox.c.at <= until)
        number, after = 0, 0
        while True:
            with self._database.writing() as connection:
                # What is removed meanwhile is not sent again, and what is taken waits.
                row = connection.execute(_ENDPOINT, {"of_endpoint": endpoint_id}).one_or_none()
                if row is None:
                    return number
                if after == 0:
                    keep_act(connection, act, f"endpoints replay {endpoint_id}")
                    # What waits is due with what is sent again, so that each order's first goes.
                    connection.execute(_WITH_IT, {"of_endpoint": endpoint_id, "now": act.at})
                lot = connection.execute(events.where(outbox.c.seq > after)).all()
                if not lot:
                    return number
                subscription = Subscription.from_row(row)
                rows = [
                    _due_again(endpoint_id, event, act.at)
                    for event in lot
                    if subscription.wants(event.told, event.account)
                ]
                if rows:
                    connection.execute(_send_again(connection.dialect.name), rows)
            number, after = number + len(rows), lot[-1].seq

    def forget(self, *, before: datetime) -> int:
        """Forget a lot of events from before a time, and what was sent of them; return how many."""
        old = sa.select(outbox.c.seq).where(outbox.c.at < before).order_by(outbox.c.at).limit(_LOT)
        with self._database.writing() as connection:
            seqs = connection.execute(old).scalars().all()
            if seqs:
                for table in (attempts, deliveries, outbox):
                    connection.execute(sa.delete(table).where(table.c.seq.in_(seqs)))
        return len(seqs)

    def forget_nobodys(self) -> int:
        """Forget a lot of deliveries whose endpoint was removed; return how many.

        A process that did not know of that yet may have written some.
        """
        of_lot = sa.tuple_(deliveries.c.endpoint_id, deliveries.c.seq).in_(_NOBODYS)
        with self._database.writing() as connection:
            return connection.execute(sa.delete(deliveries).where(of_lot)).rowcount


def _due_again(endpoint_id: str, event: Any, now: datetime) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "seq": event.seq,
        "account": event.account,
        "order_id": event.order_id,
        "due_at": now,
        "attempts": 0,
        "version": 0,
    }


def _send_again(dialect: str) -> sa.Executable:
    insert = insert_into(deliveries, dialect)
    return insert.on_conflict_do_update(
        index_elements=[deliveries.c.endpoint_id, deliveries.c.seq],
        set_={
            "due_at": insert.excluded.due_at,
            "attempts": 0,
            "failing_since": None,
            "ended_at": None,
            "is_taken": None,
            # A process that sends it right now does not end it.
            "version": deliveries.c.version + 1,
            "dispatched_until": None,
            "lease_owner": None,
        },
    )


def _state(row: Any) -> str:
    if row.is_taken is None:
        return "waiting"
    return "taken" if row.is_taken else "given up"


_OF_ENDPOINT: Final[sa.BindParameter[str]] = sa.bindparam("of_endpoint")
_ENDPOINT: Final = sa.select(endpoints).where(endpoints.c.id == _OF_ENDPOINT).with_for_update()
_WITH_IT: Final = (
    sa.update(deliveries)
    .where(
        deliveries.c.endpoint_id == _OF_ENDPOINT,
        deliveries.c.due_at.is_not(None),
        deliveries.c.lease_owner.is_(None),
    )
    .values(due_at=sa.bindparam("now", type_=deliveries.c.due_at.type))
)
#: Grouped by an expression: by the column SQLite would walk the primary key of the whole table.
_EACH: Final = deliveries.c.endpoint_id.concat("")
_OPEN: Final = (
    sa.select(
        _EACH.label("endpoint_id"),
        sa.func.count().label("number"),
        sa.func.min(deliveries.c.seq).label("seq"),
    )
    .where(deliveries.c.due_at.is_not(None))
    .group_by(_EACH)
    .subquery()
)
_WAITING: Final = sa.select(_OPEN.c.endpoint_id, _OPEN.c.number, outbox.c.at.label("since")).join(
    outbox, outbox.c.seq == _OPEN.c.seq
)
_NOBODYS: Final = (
    sa.select(deliveries.c.endpoint_id, deliveries.c.seq)
    .where(
        deliveries.c.due_at.is_not(None),
        ~sa.exists().where(endpoints.c.id == deliveries.c.endpoint_id),
    )
    .limit(_LOT)
)
_GIVEN_UP: Final = (
    sa.select(_EACH.label("endpoint_id"), sa.func.count().label("number"))
    .where(
        deliveries.c.is_taken == sa.false(),  # As its index has it.
        deliveries.c.ended_at > sa.bindparam("recently", type_=deliveries.c.ended_at.type),
    )
    .group_by(_EACH)
)
_SENT: Final = (
    sa.select(
        outbox.c.seq,
        outbox.c.id,
        outbox.c.told,
        outbox.c.at,
        outbox.c.account,
        outbox.c.order_id,
        deliveries.c.due_at,
        deliveries.c.is_taken,
    )
    .join(deliveries, deliveries.c.seq == outbox.c.seq)
    .where(deliveries.c.endpoint_id == _OF_ENDPOINT)
    .order_by(outbox.c.seq.desc())
    .limit(sa.bindparam("most"))
)
_ATTEMPTS: Final = (
    sa.select(attempts)
    .where(
        attempts.c.endpoint_id == _OF_ENDPOINT,
        attempts.c.seq.in_(sa.bindparam("of_seqs", expanding=True)),
    )
    .order_by(attempts.c.id)
)
