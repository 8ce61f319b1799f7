"""Commands in the ledger: accepted once, claimed together with their order, released."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Standing
from orders_sync.domain.steps import LONGEST_MESSAGE_WAIT, Dispatch, Step
from orders_sync.errors import LeaseLost
from orders_sync.ledger.command_claims import CommandClaim, CommandResult
from orders_sync.ledger.decisions import close_earlier_failures
from orders_sync.ledger.due import is_due
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.news import IN_LINE, commands_set_free
from orders_sync.ledger.order_lease import free_order, lock_order_of, take_order
from orders_sync.ledger.tables import commands

_CLOCKS_DIFFER = timedelta(seconds=2)

Row = dict[str, Any]


_OF_ID = commands.c.id == sa.bindparam("of_id")

#: What a step wants to take; a message of an earlier wait comes too early for one that waits anew.
_WANTED = (
    sa.select(commands)
    .where(
        _OF_ID,
        commands.c.next_step == sa.bindparam("of_step"),
        sa.or_(
            commands.c.standing == Standing.ACTIVE,
            sa.and_(
                commands.c.standing == Standing.WAITING,
                commands.c.due_at <= sa.bindparam("due_by", type_=commands.c.due_at.type),
            ),
        ),
    )
    .with_for_update()
)

_UNTIL = sa.bindparam("until", type_=commands.c.due_at.type)
_TAKE = sa.update(commands).where(_OF_ID).values(version=commands.c.version + 1, due_at=_UNTIL)
_STAND_IN_LINE = (
    sa.update(commands)
    .where(_OF_ID)
    .values(standing=Standing.WAITING, cause=IN_LINE, due_at=_UNTIL)
)


@cache
def _add(dialect: str) -> sa.Executable:
    return (
        insert_into(commands, dialect)
        .on_conflict_do_nothing(index_elements=[commands.c.account, commands.c.key])
        .returning(commands.c.id)
    )


class Commands:
    """Keeps commands, and guards every write of a worker by the version of its claim."""

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease

    def add(self, row: Row, entry: Entry) -> tuple[Row, bool]:
        """Keep a command; give the one that is kept under its key, and whether it is this one."""
        with self._database.writing() as connection:
            statement = _add(connection.dialect.name)
            added = connection.execute(statement, row).scalar_one_or_none()
            if added is not None:
                write_entries(connection, [entry])
                return row, True
            kept = sa.select(commands).where(
                commands.c.account == row["account"], commands.c.key == row["key"]
            )
            return dict(connection.execute(kept).mappings().one()), False

    def claim(
        self, command_id: str, step: Step, *, owner: str, now: datetime
    ) -> CommandClaim | None:
        """Take a command and its order; None where the step is past.

        Where another worker is at the order, the command stands in line, and gives None too: it
        is dispatched when its turn comes.
        """
        until = now + self._lease
        wanted = {"of_id": command_id, "of_step": step, "due_by": now + _CLOCKS_DIFFER}
        with self._database.writing() as connection:
            lock_order_of(connection, command_id)
            row = connection.execute(_WANTED, wanted).one_or_none()
            if row is None:
                return None
            order_version = take_order(
                connection, row.account, row.order_id, owner=owner, now=now, until=until
            )
            connection.execute(
                _STAND_IN_LINE if order_version is None else _TAKE,
                {"of_id": command_id, "until": until},
            )
        if order_version is None:
            return None
        return _claim_of(row, step, order_version, until)

    def complete(
        self, claim: CommandClaim, result: CommandResult, entry: Entry, *, now: datetime
    ) -> list[Dispatch]:
        """Record how a step ended, free the order, and give what to dispatch.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
        """
        due_in = self._lease if result.due_in is None else timedelta(seconds=result.due_in)
        facts: Row = {
            "standing": result.standing,
            "outcome": result.outcome,
            "next_step": result.next_step or claim.step,
            "due_at": now + due_in if result.standing in OPEN else None,
            "cause": result.cause,
            "reason": result.reason,
            "hint": result.hint,
            "attempts": 0,
            "failing_since": None,
        }
        for column in ("progress", "receipt", "value_cents"):
            if getattr(result, column) is not None:
                facts[column] = getattr(result, column)
        following = self._release(claim, facts, entry, now)
        if result.standing is Standing.WAITING and due_in <= LONGEST_MESSAGE_WAIT:
            step, delay = Step(facts["next_step"]), due_in.total_seconds()
            following.append(Dispatch(claim.account, claim.order_id, step, claim.command_id, delay))
        return following

    def defer(
        self,
        claim: CommandClaim,
        entry: Entry | None,
        *,
        due_at: datetime,
        cause: str,
        reason: str,
        counts: bool,
        fails: bool = False,
        now: datetime,
    ) -> list[Dispatch]:
        """Put a command back until `due_at`; `counts` it as a failed try.

        One that only `fails` uses up no try, and is failing from now on all the same.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
        """
        facts: Row = {
            "standing": Standing.WAITING,
            "due_at": due_at,
            "cause": cause,
            "reason": reason,
            "hint": None,
            "attempts": claim.attempts + counts,
        }
        if counts or fails:
            facts["failing_since"] = claim.failing_since or now
        return self._release(claim, facts, entry, now)

    def park(
        self,
        claim: CommandClaim,
        entry: Entry,
        *,
        cause: str,
        reason: str,
        hint: str,
        now: datetime,
    ) -> list[Dispatch]:
        """Stop a command until a person decides.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
        """
        facts: Row = {
            "standing": Standing.PARKED,
            "outcome": "parked",
            "due_at": None,
            "cause": cause,
            "reason": reason,
            "hint": hint,
        }
        return self._release(claim, facts, entry, now)

    def _release(
        self, claim: CommandClaim, facts: Row, entry: Entry | None, now: datetime
    ) -> list[Dispatch]:
        statement = (
            sa.update(commands)
            .where(commands.c.id == claim.command_id, commands.c.version == claim.version)
            .values(**facts, updated_at=now)
            .returning(commands)
        )
        with self._database.writing() as connection:
            # The order is locked before its commands, as it is by everybody else.
            read = free_order(
                connection,
                claim.account,
                claim.order_id,
                version=claim.order_version,
                now=now,
                lease=self._lease,
            )
            row = connection.execute(statement).one_or_none()
            if row is None:
                raise LeaseLost(f"Command {claim.command_id} was taken over during {claim.step}.")
            write_entries(connection, [entry] if entry else [])
            if row.standing == Standing.DONE:
                close_earlier_failures(connection, row, now=now)
            following = [] if read is None else [read]
            following += commands_set_free(
                connection,
                claim.account,
                claim.order_id,
                is_settled=row.standing in {Standing.DONE, Standing.PARKED},
                now=now,
                lease=self._lease,
            )
        if row.standing == Standing.ACTIVE:
            step = Step(row.next_step)
            following.append(Dispatch(claim.account, claim.order_id, step, claim.command_id))
        return following

    def take_due(self, *, now: datetime, grace: timedelta, limit: int) -> Sequence[Dispatch]:
        """Pick open commands whose time has come or whose worker is gone, for dispatch."""
        due = (
            sa.select(commands.c.id)
            .where(is_due(commands, now=now, grace=grace))
            .order_by(commands.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")  # As a subquery, PostgreSQL may run it, and its limit, more than once.
        )
        statement = (
            sa.update(commands)
            .where(commands.c.id.in_(sa.select(due)))
            .values(due_at=now + self._lease, standing=Standing.ACTIVE)
            .returning(commands.c.account, commands.c.order_id, commands.c.next_step, commands.c.id)
        )
        with self._database.writing() as connection:
            rows = connection.execute(statement).all()
        return [Dispatch(row.account, row.order_id, Step(row.next_step), row.id) for row in rows]


def _claim_of(row: sa.Row[Any], step: Step, order_version: int, until: datetime) -> CommandClaim:
    """Give the claim of a row whose version was just raised."""
    return CommandClaim(
        command_id=row.id,
        account=row.account,
        order_id=row.order_id,
        step=step,
        kind=row.kind,
        body=row.body,
        progress=row.progress,
        receipt=row.receipt,
        version=row.version + 1,
        order_version=order_version,
        attempts=row.attempts,
        failing_since=row.failing_since,
        created_at=row.created_at,
        waiting_since=row.retried_at or row.created_at,
        lease_until=until,
    )
