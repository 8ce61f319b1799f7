"""When each account's chores are due and ran last: a row for each, in place of a timer for each."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.dml import ReturningUpdate

from orders_sync.ledger.engine import Database
from orders_sync.ledger.statements import insert_into, lock
from orders_sync.ledger.tables import accounts


class Chore(StrEnum):
    """What is done again and again; its value is the name of the task that does it."""

    POLL = "feed.poll"
    ACKNOWLEDGE = "feed.acknowledge"
    PULL = "erp.pull"
    WATCH_FEED = "upkeep.watch_feed"
    RECONCILE = "upkeep.reconcile"
    PURGE = "upkeep.purge"
    COLLECT_STRAYS = "upkeep.collect_strays"
    WATCH_PAUSES = "upkeep.watch_pauses"


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed run of a chore; `version` tells it from the runs before and after it.

    `worked_at` is when the chore last had something to do, `seconds` how long its last run took,
    and `failure` the kind of error that the last run ended with.
    """

    account: str
    chore: Chore
    version: int
    due_at: datetime | None
    claimed_at: datetime
    worked_at: datetime | None = None
    seconds: float | None = None
    failure: str | None = None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Turn:
        """Return the turn of a claimed row of `accounts`."""
        return cls(
            row.account,
            Chore(row.chore),
            row.version,
            row.due_at,
            row.claimed_at,
            row.worked_at,
            row.seconds,
            row.failure,
        )


#: A clock that is set right by less is no clock that was set back.
_CLOCK_JITTER: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How a turn ended; without `due_at` the chore waits until it is woken.

    `worked_at` and `succeeded_at` replace what is known only where they are given.
    """

    turn: Turn
    due_at: datetime | None
    ran_at: datetime
    seconds: float
    worked_at: datetime | None = None
    succeeded_at: datetime | None = None
    failure: str | None = None


class Accounts:
    """Claims the chores that are due, and keeps when they are due next."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def schedule(self, due: Mapping[tuple[str, Chore], datetime | None]) -> None:
        """Add rows for chores of an account that have none: {(account, chore): first due time}."""
        rows = [
            {"account": account, "chore": chore.value, "due_at": due_at, "version": 0}
            for (account, chore), due_at in sorted(due.items(), key=lambda item: item[0])
        ]
        if not rows:
            return
        with self._database.writing() as connection:
            statement = insert_into(accounts, connection.dialect.name)
            connection.execute(statement.on_conflict_do_nothing(), rows)

    def claim(
        self,
        chores: Collection[Chore],
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        first_at_once: int = sys.maxsize,
        ahead: timedelta = timedelta(),
    ) -> Sequence[Turn]:
        """Claim chores that are due, or will be within `ahead`, the longest due first.

        A run calls `begin` first. A chore whose claim is not ended is due again after
        `lease`. Claims at the same time get different chores. Of chores that never ran, no more
        than `first_at_once` are under way. After the clock was set back, what ran before that is
        due at once.
        """
        terms = {
            "of_chores": [chore.value for chore in chores],
            "due_by": now + ahead,
            "now": now,
            "lost_since": now - lease,
            "ahead_of": now + _CLOCK_JITTER,
        }
        with self._database.writing() as connection:
            rows: list[sa.Row[Any]] = []
            # Before the others, whose number may reach the limit each time.
            due, under_way = connection.execute(_FIRST_RUNS, terms).one()
            room = min(first_at_once - under_way, limit)
            if due and room > 0:
                rows += connection.execute(_CLAIM_FIRST, {**terms, "most": room})
            rows += connection.execute(_CLAIM, {**terms, "most": limit - len(rows)})
        turns = map(Turn.from_row, rows)
        return sorted(turns, key=lambda turn: (turn.due_at or now, turn.account))

    def claim_one(
        self, account: str, chore: Chore, *, now: datetime, lease: timedelta
    ) -> Turn | None:
        """Claim a chore, due or not, and begin it; return None where another has it."""
        with self._database.writing() as connection:
            statement = (
                insert_into(accounts, connection.dialect.name)
                .values(account=account, chore=chore.value, due_at=now, claimed_at=now, version=1)
                .on_conflict_do_update(
                    index_elements=[accounts.c.account, accounts.c.chore],
                    set_={"claimed_at": now, "version": accounts.c.version + 1},
                    where=_IS_FREE,
                )
                .returning(accounts)
            )
            terms = {"lost_since": now - lease, "ahead_of": now + _CLOCK_JITTER}
            row = connection.execute(statement, terms).one_or_none()
        return None if row is None else Turn.from_row(row)

    def begin(self, chore: Chore, versions: Mapping[str, int]) -> Sequence[Turn]:
        """Begin those claims of {account: version} that have neither begun nor ended.

        A claim that was repeated because its message is late is begun by whichever comes first.
        """
        terms = {"of_chore": chore.value, "of_versions": list(versions.items())}
        with self._database.writing() as connection:
            # A process that ends other turns of these accounts locks them in this order too.
            lock(connection, _CLAIMED, terms)
            turns = [Turn.from_row(row) for row in connection.execute(_BEGIN, terms)]
        return sorted(turns, key=lambda turn: (turn.due_at or turn.claimed_at, turn.account))

    def end(self, endings: Collection[TurnResult]) -> None:
        """Write how turns ended; those that another has claimed since are left alone.

        A chore that was woken meanwhile stays due.
        """
        if not endings:
            return
        rows = [
            {
                **_of(ending.turn),
                "was_due_at": ending.turn.due_at,
                "next_due_at": ending.due_at,
                "began_at": ending.ran_at,
                "took": ending.seconds,
                "last_worked_at": ending.worked_at,
                "last_succeeded_at": ending.succeeded_at,
                "error": ending.failure,
            }
            # In one order everywhere, so that two processes never wait for each other.
            for ending in sorted(endings, key=lambda ending: ending.turn.account)
        ]
        with self._database.writing() as connection:
            connection.execute(_END, rows)

    def release(self, turns: Collection[Turn], *, due_at: datetime | None = None) -> None:
        """Release turns that did not run; they are due as before, or at `due_at`."""
        if not turns:
            return
        statement = _MINE.values(claimed_at=None)
        if due_at is not None:
            statement = statement.values(due_at=due_at)
        rows = [_of(turn) for turn in sorted(turns, key=lambda turn: turn.account)]
        with self._database.writing() as connection:
            connection.execute(statement, rows)

    def rest(self, turns: Collection[Turn]) -> None:
        """Release turns that did not run; their chores wait until they are woken.

        One that was woken meanwhile stays due.
        """
        if not turns:
            return
        rows = [
            {**_of(turn), "was_due_at": turn.due_at, "next_due_at": None}
            for turn in sorted(turns, key=lambda turn: turn.account)
        ]
        with self._database.writing() as connection:
            connection.execute(_REST, rows)

    def wake(self, account: str, chore: Chore, at: datetime) -> None:
        """Make a chore due at a time, unless it is due earlier; one that runs now runs again."""
        with self._database.writing() as connection:
            wake(connection, account, chore, at)

    def last_runs(self, chore: Chore) -> Mapping[str, LastRun]:
        """Return {account: last run} of a chore; `rests_until` and `due_at` may be past."""
        statement = sa.select(accounts).where(
            accounts.c.chore == chore.value, accounts.c.ran_at.is_not(None)
        )
        with self._database.reading() as connection:
            return {row.account: _last_run(row) for row in connection.execute(statement)}


def wake(connection: sa.Connection, account: str, chore: Chore, at: datetime) -> None:
    """Do what `Accounts.wake` does, inside the transaction that asks for it."""
    statement = insert_into(accounts, connection.dialect.name).values(
        account=account, chore=chore.value, due_at=at, version=0
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[accounts.c.account, accounts.c.chore],
            set_={"due_at": at},
            where=sa.or_(
                accounts.c.due_at.is_(None),
                accounts.c.due_at > at,
                accounts.c.claimed_at.is_not(None),
            ),
        )
    )


def _of(turn: Turn) -> dict[str, object]:
    return {
        "of_account": turn.account,
        "of_chore": turn.chore.value,
        "of_version": turn.version,
    }


def _time(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=accounts.c.due_at.type)


#: What was done later than now was done before the clock was set back.
_IS_AHEAD = sa.or_(accounts.c.ran_at > _time("ahead_of"), accounts.c.claimed_at > _time("ahead_of"))
_IS_FREE = sa.or_(
    accounts.c.claimed_at.is_(None),
    accounts.c.claimed_at <= _time("lost_since"),
    accounts.c.claimed_at > _time("ahead_of"),
)
_OF_CHORES = accounts.c.chore.in_(sa.bindparam("of_chores", expanding=True))
_IS_DUE = sa.or_(
    accounts.c.due_at <= _time("due_by"),
    sa.and_(accounts.c.due_at.is_not(None), _IS_AHEAD),
)
_IS_FIRST = accounts.c.ran_at.is_(None)


def _claim_where(which: sa.ColumnElement[bool]) -> ReturningUpdate[Any]:
    due = (
        sa.select(accounts.c.account, accounts.c.chore)
        .where(_OF_CHORES, which, _IS_DUE, _IS_FREE)
        .order_by(accounts.c.due_at)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("due")  # As a subquery, PostgreSQL may run it, and its limit, more than once.
    )
    return (
        sa.update(accounts)
        .where(sa.tuple_(accounts.c.account, accounts.c.chore).in_(sa.select(due)))
        .values(claimed_at=_time("now"))
        .returning(accounts)
    )


_CLAIM = _claim_where(sa.not_(_IS_FIRST))
_CLAIM_FIRST = _claim_where(_IS_FIRST)
_FIRST_RUNS = sa.select(
    sa.func.count().filter(_IS_DUE, _IS_FREE), sa.func.count().filter(sa.not_(_IS_FREE))
).where(_OF_CHORES, _IS_FIRST)
_IS_CLAIMED = sa.and_(
    accounts.c.chore == sa.bindparam("of_chore"),
    accounts.c.claimed_at.is_not(None),
    sa.tuple_(accounts.c.account, accounts.c.version).in_(
        sa.bindparam("of_versions", expanding=True)
    ),
)
_CLAIMED = (
    sa.select(accounts.c.account).where(_IS_CLAIMED).order_by(accounts.c.account).with_for_update()
)
_BEGIN = (
    sa.update(accounts)
    .where(_IS_CLAIMED)
    .values(version=accounts.c.version + 1)
    .returning(accounts)
)
_MINE = sa.update(accounts).where(
    accounts.c.account == sa.bindparam("of_account"),
    accounts.c.chore == sa.bindparam("of_chore"),
    accounts.c.version == sa.bindparam("of_version"),
    accounts.c.claimed_at.is_not(None),
)


_REST = _MINE.values(
    claimed_at=None,
    due_at=sa.case(
        (accounts.c.due_at.is_not_distinct_from(_time("was_due_at")), _time("next_due_at")),
        else_=accounts.c.due_at,
    ),
)
_END = _REST.values(
    ran_at=_time("began_at"),
    seconds=sa.bindparam("took"),
    worked_at=sa.func.coalesce(_time("last_worked_at"), accounts.c.worked_at),
    succeeded_at=sa.func.coalesce(_time("last_succeeded_at"), accounts.c.succeeded_at),
    failure=sa.bindparam("error"),
)


@dataclass(frozen=True, slots=True)
class LastRun:
    """When a chore last ran, and until when it rests because that failed.

    `succeeded_at` is when the last run ended that succeeded, `due_at` when the next one is due,
    and `failure` the kind of error that the last run ended with.
    """

    at: datetime
    rests_until: datetime | None = None
    succeeded_at: datetime | None = None
    due_at: datetime | None = None
    failure: str | None = None

    @property
    def alive_at(self) -> datetime:
        """When it was last seen to run as it should: one that is not due yet does."""
        return max(self.at, self.rests_until or self.at, self.due_at or self.at)


def _last_run(row: sa.Row[Any]) -> LastRun:
    return LastRun(
        at=row.ran_at,
        rests_until=row.due_at if row.failure else None,
        succeeded_at=row.succeeded_at,
        due_at=row.due_at,
        failure=row.failure,
    )
