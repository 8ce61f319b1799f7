"""Deliveries: an event on its way to one endpoint, in order for each order, and what became of it.

Due rows are the queue. Of an order's events, or an account's where it is of no order, only the
oldest that has not ended may be sent, and no later one is due before it: what is passed over for
that is little, however much waits. What waits for an endpoint that rests is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import sqlalchemy as sa

from orders_sync.ledger.endpoints import Endpoint, OffWhy, hurry, switch_off
from orders_sync.ledger.engine import Database
from orders_sync.ledger.outbox import attempts, deliveries, endpoints, outbox
from orders_sync.ledger.statements import Taker
from orders_sync.ledger.wakeups import DISPATCHED_FOR

#: After so many failures in a row an endpoint is sent one event at a time, as a probe.
PROBED_AFTER: Final = 5

#: A process that sends has a delivery for so long; a call ends long before.
LEASE: Final = timedelta(seconds=90)

#: An endpoint's last success is noted again after so long, so that most cost no write.
_SUCCESS_NOTED_EVERY: Final = timedelta(minutes=1)


#: What becomes of a try.
DeliveryOutcome = Literal["taken", "failed", "given_up"]


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """An event that a process has, to send it to an endpoint until `lease_until`.

    `attempts` counts the tries so far, the first failed one at `failing_since`.
    """

    endpoint: Endpoint
    seq: int
    account: str
    order_id: str
    event_id: str
    event_type: str
    body: str = field(repr=False)
    attempts: int
    failing_since: datetime | None
    version: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when it began, how long it took, and the status of the answer, or what was wrong."""

    at: datetime
    seconds: float
    answer: str


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What comes of a try: taken, tried again at `due_at`, or given up where both are not.

    The endpoint rests until `rests_until`, and is switched off where `off_why` says so; an event
    that was not taken then waits for it.
    """

    is_taken: bool = False
    due_at: datetime | None = None
    rests_until: datetime | None = None
    off_why: OffWhy | None = None

    @property
    def outcome(self) -> DeliveryOutcome:
        """What became of the try, in a word; what failed is tried again."""
        if self.is_taken:
            return "taken"
        return "given_up" if self.due_at is None else "failed"


class Deliveries:
    """Takes deliveries that are due, and keeps what became of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, *, now: datetime) -> Sequence[str]:
        """Return the endpoints that something may be sent to, some of it perhaps under way."""
        with self._database.reading() as connection:
            if not self._database.outbox.subscriptions(connection):
                return []
            return connection.execute(_DUE, {"now": now}).scalars().all()

    def under_way(self, *, now: datetime) -> int:
        """Count what is in the broker or in a process's hands."""
        with self._database.reading() as connection:
            return connection.execute(_ALL_UNDER_WAY, {"now": now}).scalar_one()

    def take(self, endpoint_id: str, *, at_once: int, limit: int, now: datetime) -> Sequence[int]:
        """Take up to `limit` deliveries that may be sent, the longest due first, to dispatch them.

        An endpoint has at most `at_once` under way; one that fails, a single one.
        """
        terms = {"of_endpoint": endpoint_id, "now": now}
        with self._database.writing() as connection:
            # Who takes for the same endpoint waits here, so that both count right.
            row = connection.execute(_OPEN, terms).one_or_none()
            if row is None:
                return []
            most = 1 if row.failures >= PROBED_AFTER else at_once
            room = min(limit, most - connection.execute(_UNDER_WAY, terms).scalar_one())
            if room <= 0:
                return []
            until = now + DISPATCHED_FOR
            rows = connection.execute(_TAKE, terms | {"room": room, "until": until})
            return sorted(rows.scalars())

    def claim(
        self, endpoint_id: str, seq: int, *, owner: str, now: datetime
    ) -> EventDelivery | None:
        """Claim a delivery for as long as a call may take; None where it is past or not due."""
        taker = Taker(owner, now, now + LEASE)
        terms = {"of_endpoint": endpoint_id, "of_seq": seq, **taker.terms}
        with self._database.writing() as connection:
            row = connection.execute(_CLAIM, terms).one_or_none()
            if row is None:
                return None
            event = connection.execute(_EVENT, {"of_seq": seq}).one_or_none()
            endpoint = connection.execute(_ENDPOINT, {"of_endpoint": endpoint_id}).one()
        if event is None:
            return None
        return EventDelivery(
            endpoint=Endpoint.from_row(endpoint),
            seq=seq,
            account=row.account,
            order_id=row.order_id,
            event_id=event.id,
            event_type=event.told,
            body=event.body,
            attempts=row.attempts,
            failing_since=row.failing_since,
            version=row.version,
            lease_until=taker.until,
        )

    def end(
        self, delivery: EventDelivery, attempt: Attempt, ending: DeliveryResult, *, now: datetime
    ) -> bool:
        """Write what became of a try; return False where another process has the delivery.

        Then only the try is kept, and how the endpoint fares.
        """
        endpoint = delivery.endpoint
        terms = {"of_endpoint": endpoint.id, "of_seq": delivery.seq}
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(attempts).values(
                    endpoint_id=endpoint.id,
                    seq=delivery.seq,
                    at=attempt.at,
                    seconds=attempt.seconds,
                    answer=attempt.answer,
                )
            )
            self._note_endpoint(connection, endpoint, ending, now)
            under = terms | {"of_version": delivery.version, **_changes(delivery, ending, now)}
            is_ended = connection.execute(_END, under).rowcount > 0
            if is_ended and ending.due_at is not None:
                line = {"of_account": delivery.account, "of_order": delivery.order_id}
                connection.execute(_BEHIND, terms | line | {"due_by": ending.due_at})
            return is_ended

    def _note_endpoint(
        self, connection: sa.Connection, endpoint: Endpoint, ending: DeliveryResult, now: datetime
    ) -> None:
        terms = {"of_endpoint": endpoint.id, "now": now}
        if ending.is_taken:
            connection.execute(_SUCCEEDED, terms | {"noted_since": now - _SUCCESS_NOTED_EVERY})
            if endpoint.failures >= PROBED_AFTER:
                hurry(connection, endpoint.id, now=now)
            return
        connection.execute(_FAILED, terms | {"rest": ending.rests_until})
        if ending.off_why is not None:
            switch_off(connection, self._database, endpoint.id, ending.off_why, now=now)


def _changes(delivery: EventDelivery, ending: DeliveryResult, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "dispatched_until": None,
        "lease_owner": None,
        "attempts": delivery.attempts + 1,
        "due_at": ending.due_at,
    }
    if ending.is_taken or ending.due_at is None:
        changes |= {"ended_at": now, "is_taken": ending.is_taken}
    if not ending.is_taken:
        changes["failing_since"] = delivery.failing_since or now
    return changes


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=deliveries.c.due_at.type)


_NOW: Final = _time("now")
_OF_ENDPOINT: Final[sa.BindParameter[str]] = sa.bindparam("of_endpoint")
_OF_SEQ: Final[sa.BindParameter[int]] = sa.bindparam("of_seq")
_IS_ENDPOINT: Final = endpoints.c.id == _OF_ENDPOINT
_IS_OPEN: Final = sa.and_(
    endpoints.c.off_at.is_(None),
    sa.or_(endpoints.c.rests_until.is_(None), endpoints.c.rests_until <= _NOW),
)
_IS_FREE: Final = sa.or_(
    deliveries.c.dispatched_until.is_(None), deliveries.c.dispatched_until <= _NOW
)
_IS_DELIVERY: Final = sa.and_(deliveries.c.endpoint_id == _OF_ENDPOINT, deliveries.c.seq == _OF_SEQ)

_earlier = deliveries.alias("earlier")
#: Of its order's events it is the oldest that has not ended.
_IS_FIRST: Final = ~sa.exists().where(
    _earlier.c.endpoint_id == deliveries.c.endpoint_id,
    _earlier.c.account == deliveries.c.account,
    _earlier.c.order_id == deliveries.c.order_id,
    _earlier.c.seq < deliveries.c.seq,
    _earlier.c.due_at.is_not(None),
)

#: The first in its index: whether there is any, PostgreSQL may ask the table from end to end.
_FIRST_DUE: Final = (
    sa.select(deliveries.c.due_at)
    .where(deliveries.c.endpoint_id == endpoints.c.id, deliveries.c.due_at.is_not(None), _IS_FREE)
    .order_by(deliveries.c.due_at)
    .limit(1)
    .correlate(endpoints)
    .scalar_subquery()
)
_DUE: Final = sa.select(endpoints.c.id).where(_IS_OPEN, _FIRST_DUE <= _NOW).order_by(endpoints.c.id)
_OPEN: Final = sa.select(endpoints.c.failures).where(_IS_ENDPOINT, _IS_OPEN).with_for_update()
_ALL_UNDER_WAY: Final = (
    sa.select(sa.func.count())
    .select_from(deliveries)
    .where(deliveries.c.dispatched_until.is_not(None), deliveries.c.dispatched_until > _NOW)
)
_UNDER_WAY: Final = _ALL_UNDER_WAY.where(deliveries.c.endpoint_id == _OF_ENDPOINT)
_HEADS: Final = (
    sa.select(deliveries.c.endpoint_id, deliveries.c.seq)
    .where(
        deliveries.c.endpoint_id == _OF_ENDPOINT, deliveries.c.due_at <= _NOW, _IS_FREE, _IS_FIRST
    )
    .order_by(deliveries.c.due_at, deliveries.c.seq)
    .limit(sa.bindparam("room"))
    .with_for_update(skip_locked=True)
    .cte("heads")  # As a subquery, PostgreSQL may run it, and its limit, more than once.
)
_TAKE: Final = (
    sa.update(deliveries)
    .where(sa.tuple_(deliveries.c.endpoint_id, deliveries.c.seq).in_(sa.select(_HEADS)))
    .values(dispatched_until=_time("until"), lease_owner=None)
    .returning(deliveries.c.seq)
)
_CLAIM: Final = (
    sa.update(deliveries)
    .where(
        _IS_DELIVERY,
        deliveries.c.due_at <= _time("due_by"),
        sa.or_(deliveries.c.lease_owner.is_(None), deliveries.c.dispatched_until <= _NOW),
        _IS_FIRST,
        sa.exists().where(_IS_ENDPOINT, _IS_OPEN),
    )
    .values(
        lease_owner=sa.bindparam("owner"),
        dispatched_until=_time("until"),
        version=deliveries.c.version + 1,
    )
    .returning(deliveries)
)
_EVENT: Final = sa.select(outbox.c.id, outbox.c.told, outbox.c.body).where(outbox.c.seq == _OF_SEQ)
_ENDPOINT: Final = sa.select(endpoints).where(_IS_ENDPOINT)
_END: Final = sa.update(deliveries).where(
    _IS_DELIVERY, deliveries.c.version == sa.bindparam("of_version")
)
#: The later events of a delivery's order wait for its next try.
_BEHIND: Final = (
    sa.update(deliveries)
    .where(
        deliveries.c.endpoint_id == _OF_ENDPOINT,
        deliveries.c.account == sa.bindparam("of_account"),
        deliveries.c.order_id == sa.bindparam("of_order"),
        deliveries.c.seq > _OF_SEQ,
        deliveries.c.due_at < _time("due_by"),
    )
    .values(due_at=_time("due_by"))
)
_SUCCEEDED: Final = (
    sa.update(endpoints)
    .where(
        _IS_ENDPOINT,
        sa.or_(
            endpoints.c.failures > 0,
            endpoints.c.succeeded_at.is_(None),
            endpoints.c.succeeded_at < _time("noted_since"),
        ),
    )
    .values(failures=0, failing_since=None, rests_until=None, succeeded_at=_NOW)
)
_FAILED: Final = (
    sa.update(endpoints)
    .where(_IS_ENDPOINT)
    .values(
        failures=endpoints.c.failures + 1,
        failing_since=sa.func.coalesce(endpoints.c.failing_since, _NOW),
        rests_until=sa.func.coalesce(_time("rest"), endpoints.c.rests_until),
    )
)
