"""Events of feed and hook: recorded before VTEX may forget them, each once, and acknowledged.

When each of the two told something last is kept too: silence of one is seen by what the other
tells.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.commands.acceptance import LONGEST
from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.rules import OPEN, Progress, Standing, judge_event
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger.accounts import Chore, wake
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import JournalLine, write_entries
from orders_sync.ledger.order_rows import ARE_ORDERS, OF_ACCOUNT, of_orders
from orders_sync.ledger.statements import insert_into, is_among, lock
from orders_sync.ledger.tables import accounts, events, orders
from orders_sync.ledger.wakeups import Windows, request_reads

#: As long as the column; a longer identity is kept as its digest.
_IDENTITY_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording a lot of events brought: reads to dispatch, and how many events were new.

    `orders` are those that new events are about.
    """

    dispatches: Sequence[Dispatch]
    new: int
    orders: Sequence[str]


class Events:
    """Records events and finds those that may be acknowledged."""

    def __init__(self, database: Database, windows: Windows) -> None:
        self._database = database
        self._windows = windows

    def record(
        self,
        account: str,
        lot: Sequence[OrderEvent | UnreadableEvent],
        *,
        now: datetime,
        acknowledge_at: datetime | None = None,
    ) -> Recorded:
        """Record one lot of the feed or the hook in one transaction.

        An event that was recorded before only has its handle refreshed, if it brings one. A new one
        makes its order known, and asks for the order to be read where the rules say so. From
        `acknowledge_at` on the feed's events are acknowledged.
        """
        if not lot:
            return Recorded((), 0, ())
        latest = {_identity(event): event for event in map(recordable, lot)}
        # In one order everywhere, so that two processes never wait for each other.
        rows = [_row(account, identity, latest[identity], now) for identity in sorted(latest)]
        with self._database.writing() as connection:
            fresh = [latest[identity] for identity in _upsert(connection, rows)]
            readable = [event for event in fresh if isinstance(event, OrderEvent)]
            write_entries(connection, [_entry(account, event, now) for event in fresh])
            to_read = self._to_read(connection, account, readable)
            reads = request_reads(connection, account, to_read, windows=self._windows, now=now)
            if acknowledge_at is not None:
                wake(connection, account, Chore.ACKNOWLEDGE, acknowledge_at)
        return Recorded(reads, len(fresh), sorted({event.order_id for event in readable}))

    def _to_read(
        self, connection: sa.Connection, account: str, lot: Sequence[OrderEvent]
    ) -> list[str]:
        """Return the orders to be read for new events, each once, as the rules say."""
        if not lot:
            return []
        terms = of_orders(account, list({event.order_id for event in lot}))
        rows = connection.execute(_PROGRESS, terms)
        known = {row.order_id: row for row in rows}
        verdicts = {e.identity: _asks_for_read(e, known.get(e.order_id)) for e in lot}
        idle = [identity for identity, reads in verdicts.items() if not reads]
        if idle:
            connection.execute(
                sa.update(events)
                .where(events.c.account == account, events.c.identity.in_(idle))
                .values(asks_nothing=True)
            )
        return sorted({e.order_id for e in lot if verdicts[e.identity]})

    def in_flight(self, account: str) -> int:
        """Count the account's orders that are being worked on, VTEX's own waits left out."""
        return self.in_flight_by_account([account]).get(account, 0)

    def in_flight_by_account(self, accounts: Collection[str]) -> Mapping[str, int]:
        """Count the orders of each account that are being worked on; those without are left out."""
        terms = {"of_accounts": list(accounts)}
        with self._database.reading() as connection:
            return {row.account: row.orders for row in connection.execute(_IN_FLIGHT, terms)}

    def to_acknowledge(
        self, account: str, *, delivered_after: datetime, limit: int, at_once: bool
    ) -> Sequence[str]:
        """Return handles to acknowledge, oldest first.

        Handles of deliveries before `delivered_after` are stale: VTEX sends those events again.
        `at_once` takes every recorded event; without it an event is held until its order is
        done, void, parked, or waits for VTEX.
        """
        terms = {"of_account": account, "delivered_after": delivered_after, "most": limit}
        with self._database.reading() as connection:
            rows = connection.execute(_RECORDED if at_once else _HANDLED, terms)
            return rows.scalars().all()

    def mark_acknowledged(
        self, account: str, handles: Sequence[str], *, now: datetime
    ) -> Collection[str]:
        """Write that VTEX has taken the handles back; return the orders of their events."""
        terms = {"of_account": account, "handles": handles}
        with self._database.writing() as connection:
            # A poll may record them again right now, and locks them in this order too.
            lock(connection, _TAKEN_LOCKED, terms)
            taken = connection.execute(_TAKEN, terms | {"acknowledged_at": now}).scalars()
            return sorted({order_id for order_id in taken if order_id is not None})


def waits_for_vtex() -> sa.ColumnElement[bool]:
    """Return the condition that an order was read and that VTEX has to go on with it."""
    return sa.and_(
        orders.c.standing == Standing.WAITING,
        orders.c.next_step == Step.FETCH,
        orders.c.progress != Progress.SEEN,
    )


_IN_FLIGHT: Final = (
    sa.select(orders.c.account, sa.func.count().label("orders"))
    .where(
        orders.c.account.in_(sa.bindparam("of_accounts", expanding=True)),
        is_among(orders.c.standing, OPEN),
        sa.not_(waits_for_vtex()),
    )
    .group_by(orders.c.account)
)
_PROGRESS: Final = sa.select(
    orders.c.order_id, orders.c.progress, orders.c.revision.is_not(None).label("tells_changes")
).where(ARE_ORDERS)

_RECORDED: Final = (
    sa.select(events.c.handle)
    .select_from(
        events.outerjoin(
            orders,
            sa.and_(orders.c.account == events.c.account, orders.c.order_id == events.c.order_id),
        )
    )
    .where(
        events.c.account == OF_ACCOUNT,
        events.c.acknowledged_at.is_(None),
        events.c.delivered_at > sa.bindparam("delivered_after", type_=events.c.delivered_at.type),
        events.c.handle.is_not(None),
    )
    .order_by(events.c.delivered_at)
    .limit(sa.bindparam("most"))
)
_HANDLED: Final = _RECORDED.where(
    sa.or_(
        events.c.asks_nothing,
        is_among(orders.c.standing, [Standing.DONE, Standing.VOID, Standing.PARKED]),
        waits_for_vtex(),
    )
)

_ARE_TAKEN: Final = sa.and_(
    events.c.account == OF_ACCOUNT,
    events.c.acknowledged_at.is_(None),
    events.c.handle.in_(sa.bindparam("handles", expanding=True)),
)
_TAKEN: Final = sa.update(events).where(_ARE_TAKEN).returning(events.c.order_id)
_TAKEN_LOCKED: Final = (
    sa.select(events.c.identity).where(_ARE_TAKEN).order_by(events.c.identity).with_for_update()
)


def _asks_for_read(event: OrderEvent, order: sa.Row[Any] | None) -> bool:
    if order is None:
        return judge_event(event.state, None)
    progress = Progress(order.progress)
    return judge_event(event.state, progress, tells_changes=order.tells_changes)


def _identity(event: OrderEvent | UnreadableEvent) -> str:
    if isinstance(event, OrderEvent):
        identity = event.identity
        if len(identity) <= _IDENTITY_LENGTH:
            return identity
        return hashlib.sha256(identity.encode()).hexdigest()
    digest = hashlib.sha256((event.handle or event.problem).encode()).hexdigest()
    return f"unreadable|{digest}"


#: What is kept of an event that can be read.
_FACTS: Final = ("order_id", "event_id", "domain", "state", "last_state", "current_change")


def _row(
    account: str, identity: str, event: OrderEvent | UnreadableEvent, now: datetime
) -> dict[str, object]:
    row: dict[str, object] = {
        "account": account,
        "identity": identity,
        "handle": event.handle,
        "delivered_at": now,
        "deliveries": 1,
        "first_seen_at": now,
        # Without a handle there is nothing to acknowledge.
        "acknowledged_at": None if event.handle else now,
    }
    facts = {name: getattr(event, name, None) for name in _FACTS}
    problem = getattr(event, "problem", None)
    return row | facts | {"asks_nothing": problem is not None, "problem": problem}


def _entry(account: str, event: OrderEvent | UnreadableEvent, now: datetime) -> JournalLine:
    if isinstance(event, OrderEvent):
        note = f"{event.domain}: {event.last_state} -> {event.state}"
        what = "event.recorded" if event.handle else "event.heard"
        return JournalLine(now, account, event.order_id, what, note=note)
    return JournalLine(now, account, None, "event.parked", note=event.problem)


def _upsert(connection: sa.Connection, rows: Sequence[dict[str, object]]) -> list[str]:
    """Write the lot; return the identities that were not there before."""
    if not rows:
        return []
    written = connection.execute(_keep(connection.dialect.name), rows)
    return [row.identity for row in written if row.deliveries == 1]


@cache
def _keep(dialect: str) -> sa.Executable:
    statement = insert_into(events, dialect)
    given = statement.excluded
    has_none = given.handle.is_(None)
    return statement.on_conflict_do_update(
        index_elements=[events.c.account, events.c.identity],
        set_={
            "handle": sa.func.coalesce(given.handle, events.c.handle),
            # Of a handle, it says until when that is good.
            "delivered_at": sa.case((has_none, events.c.delivered_at), else_=given.delivered_at),
            "deliveries": events.c.deliveries + 1,
            # A delivery after an acknowledgement says that VTEX has not taken it.
            "acknowledged_at": sa.case((has_none, events.c.acknowledged_at), else_=None),
        },
    ).returning(events.c.identity, events.c.deliveries)


#: Far beyond VTEX's order ids; keys of this length fit into every database's indices.
_ORDER_ID_LENGTH = LONGEST["order_id"]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def recordable(event: OrderEvent | UnreadableEvent) -> OrderEvent | UnreadableEvent:
    """Return the event, or what is left of one that cannot be recorded as it is."""
    unstorable = next((f.name for f in fields(event) if _is_unstorable(getattr(event, f.name))), "")
    handle = None if _is_unstorable(event.handle) else event.handle
    if unstorable:
        return UnreadableEvent(handle, f"{unstorable} holds a character that cannot be stored")
    if isinstance(event, OrderEvent) and len(event.order_id) > _ORDER_ID_LENGTH:
        return UnreadableEvent(handle, f"order_id has more than {_ORDER_ID_LENGTH} characters")
    return event


def _is_unstorable(text: str | None) -> bool:
    """Check for a null character, or half of one that takes two in UTF-16."""
    return text is not None and _UNSTORABLE.search(text) is not None


_HOOK: Final = "hook"

#: After a post, the feed can be read rarely for so long.
_HEARD_FOR: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class HookActivity:
    """When an account's hook and feed brought something last.

    The hook was heard at `heard_at`, and at `alone_since` for the first time since the feed told
    something (`fed_at`). The feed told at `news_at` what the hook had not told.
    """

    heard_at: datetime | None = None
    alone_since: datetime | None = None
    fed_at: datetime | None = None
    news_at: datetime | None = None

    def is_heard(self, now: datetime) -> bool:
        """Check whether the hook tells of changes nowadays, so that the feed need not hurry."""
        return self.heard_at is not None and now - self.heard_at < _HEARD_FOR

    @property
    def feed_silent_since(self) -> datetime | None:
        """Since when the hook tells what the feed does not; None where both tell."""
        if self.alone_since is None or (self.fed_at and self.fed_at >= self.alone_since):
            return None
        return self.alone_since

    @property
    def hook_silent_since(self) -> datetime | None:
        """When the hook was heard last, where the feed told news later; None where both tell."""
        if self.heard_at is None or self.news_at is None or self.news_at <= self.heard_at:
            return None
        return self.heard_at


class HookLog:
    """Keeps when hook and feed brought something.

    It is a row of `accounts` that is no chore's: `worked_at` is when the hook posted last,
    `succeeded_at` when the feed brought something last, `ran_at` the hook's first post since.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_hook(self, account: str, now: datetime) -> None:
        """Write that an account's hook posted."""
        terms = {"of_account": account, "now": now}
        with self._database.writing() as connection:
            connection.execute(_hear(connection.dialect.name), terms)

    def note_feed(self, account: str, now: datetime) -> None:
        """Write that the feed of an account that has a hook brought something."""
        with self._database.writing() as connection:
            connection.execute(_FEED, {"of_account": account, "now": now})

    def forget(self, account: str) -> None:
        """Forget an account's hook, which posts no more."""
        with self._database.writing() as connection:
            connection.execute(_FORGET, {"of_account": account})

    def read(self, names: Collection[str] | None = None) -> Mapping[str, HookActivity]:
        """Return the activity of accounts whose hook ever posted; None: of all of them."""
        statement = _HEARD if names is None else _HEARD.where(accounts.c.account.in_(list(names)))
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        activity = {
            row.account: HookActivity(row.worked_at, row.ran_at, row.succeeded_at)
            for row in rows
            if row.chore == _HOOK
        }
        for row in rows:
            if row.chore == Chore.POLL and row.account in activity:
                activity[row.account] = replace(activity[row.account], news_at=row.worked_at)
        return activity


_NOW: Final = sa.bindparam("now", type_=accounts.c.worked_at.type)
_OF_ACCOUNT: Final = sa.bindparam("of_account", type_=accounts.c.account.type)
_HEARD: Final = sa.select(accounts).where(accounts.c.chore.in_([_HOOK, Chore.POLL.value]))
_FEED: Final = (
    sa.update(accounts)
    .where(accounts.c.account == _OF_ACCOUNT, accounts.c.chore == _HOOK)
    .values(succeeded_at=_NOW)
)
_FORGET: Final = sa.delete(accounts).where(
    accounts.c.account == _OF_ACCOUNT, accounts.c.chore == _HOOK
)


@cache
def _hear(dialect: str) -> sa.Executable:
    statement = insert_into(accounts, dialect).values(
        account=_OF_ACCOUNT, chore=_HOOK, version=0, worked_at=_NOW, ran_at=_NOW
    )
    is_told_since = accounts.c.succeeded_at >= accounts.c.ran_at
    return statement.on_conflict_do_update(
        index_elements=[accounts.c.account, accounts.c.chore],
        set_={
            "worked_at": _NOW,
            "ran_at": sa.case((is_told_since, _NOW), else_=accounts.c.ran_at),
        },
    )
