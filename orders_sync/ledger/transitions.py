"""Every transition of work that a worker makes: claimed, advanced, finished, put back, parked.

An order is worked on by one task at a time. Whoever claims it, for a step of its own or for one of
its commands, raises the order's version, and every later write is made under that version: a worker
that was overtaken cannot write. Work that is open is due at some time, or stands in a line behind
work that is. A claim belongs to a process: `processes.py` frees those of a process that is gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Progress, Standing
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger.accounts import Chore, wake
from orders_sync.ledger.command_claims import CommandClaim, CommandResult
from orders_sync.ledger.decisions import close_earlier_failures
from orders_sync.ledger.documents import keep_document, kept_document
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.lines import align
from orders_sync.ledger.order_lease import freed, is_free, is_leased, is_order, taken, write_order
from orders_sync.ledger.tables import commands, orders
from orders_sync.ledger.unreadable import UNREADABLE
from orders_sync.ledger.wakeups import CLOCKS_DIFFER, next_of, request_reads, settle
from orders_sync.ledger.windows import Windows

Row = dict[str, Any]
C = TypeVar("C", Claim, CommandClaim)
R = TypeVar("R", StepResult, CommandResult)

_ENDED: Final = frozenset({Standing.DONE, Standing.VOID})

#: What a step found out; what it gives as None stays as it is.
_FACTS: Final = ("progress", "status", "erp_reference", "receipt", "value_cents", "outcome")


class Desk(ABC, Generic[C, R]):
    """Where claims are given back; every method returns what to dispatch at once.

    Each raises `LeaseLost`, and writes nothing, where another worker has taken over.
    """

    #: What parking says beside the standing.
    _parked: ClassVar[Row] = {}

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease

    def complete(self, claim: C, result: R, entry: Entry, *, now: datetime) -> list[Dispatch]:
        """Record what a step achieved, and free the order."""
        due_at = now + timedelta(seconds=result.due_in or 0.0)
        facts: Row = _achieved(result) | {
            "standing": result.standing,
            "next_step": result.next_step,
            "due_at": due_at if result.standing in OPEN else None,
        }
        return self._release(claim, facts, [entry], now, result)

    def defer(
        self,
        claim: C,
        entry: Entry | None,
        *,
        due_at: datetime,
        cause: str,
        reason: str,
        counts: bool,
        fails: bool = False,
        now: datetime,
    ) -> list[Dispatch]:
        """Put a step that could not be done back until `due_at`; `counts` it as a failed try.

        One that only `fails` uses up no try, and is failing from now on all the same.
        """
        facts: Row = {
            "standing": Standing.WAITING,
            "next_step": claim.step,
            "due_at": due_at,
            "cause": cause,
            "reason": reason,
            "hint": None,
            "attempts": claim.attempts + counts,
        }
        if counts or fails:
            facts["failing_since"] = claim.failing_since or now
        return self._release(claim, facts, [entry] if entry else [], now)

    def park(
        self, claim: C, entry: Entry, *, cause: str, reason: str, hint: str, now: datetime
    ) -> list[Dispatch]:
        """Stop the work until a person, or a new event of the order, says otherwise."""
        facts: Row = {
            "standing": Standing.PARKED,
            "next_step": claim.step,
            "due_at": None,
            "cause": cause,
            "reason": reason,
            "hint": hint,
            **self._parked,
        }
        return self._release(claim, facts, [entry], now)

    @abstractmethod
    def _release(
        self,
        claim: C,
        facts: Row,
        entries: list[Entry],
        now: datetime,
        result: R | None = None,
    ) -> list[Dispatch]: ...


class Orders(Desk[Claim, StepResult]):
    """Claims and releases of orders, for steps of their own."""

    def __init__(self, database: Database, lease: timedelta, windows: Windows) -> None:
        super().__init__(database, lease)
        self._windows = windows

    def claim(
        self, account: str, order_id: str, step: Step, *, owner: str, now: datetime
    ) -> Claim | None:
        """Take the order for one step; None where the step is past or another task has the order.

        A row that cannot be read is parked.
        """
        until = now + self._lease
        of_step = sa.and_(is_order(account, order_id), orders.c.next_step == step)
        is_due = (orders.c.standing.in_(OPEN), orders.c.due_at <= now + CLOCKS_DIFFER)
        # A read that starts sees all that is known so far.
        news = {"news": False} if step is Step.FETCH else {}
        statement = (
            sa.update(orders)
            .where(of_step, *is_due, is_free(now))
            .values(**taken(owner, until), dispatched_until=until, **news)
            .returning(orders)
        )
        with self._database.writing() as connection:
            row = connection.execute(statement).one_or_none()
            if row is None:
                _stand_back(connection, of_step, now)
                return None
            if row.progress not in set(Progress):
                _park_unreadable(connection, account, order_id)
                return None
        return Claim(
            account,
            order_id,
            step,
            Progress(row.progress),
            row.version,
            row.attempts,
            row.failing_since,
            row.first_seen_at,
            until,
        )

    def advance(self, claim: Claim, result: StepResult, entry: Entry, *, now: datetime) -> Claim:
        """Record what a step achieved and keep the order for its next step.

        Where an event came meanwhile, the next step is a read. The time of the latest change is in
        many indices, so that it is written when the order is freed.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        until = now + self._lease
        changes = _achieved(result) | {
            "standing": Standing.ACTIVE,
            "next_step": sa.case((orders.c.news, Step.FETCH), else_=result.next_step),
            "news": False,
            "lease_until": until,
            "dispatched_until": until,
        }
        with self._database.writing() as connection:
            row = write_order(connection, claim, claim.version, changes)
            write_entries(connection, [entry])
            if result.document is not None:
                keep_document(connection, claim, result.document, now)
        return replace(
            claim,
            step=Step(row.next_step),
            progress=Progress(row.progress),
            attempts=0,
            failing_since=None,
            lease_until=until,
            document=result.document,
        )

    def look_again(self, account: str, order_id: str, *, now: datetime) -> list[Dispatch]:
        """Have an order read, whatever its standing; a new order is taken up.

        A worker that has it right now reads it next.
        """
        with self._database.writing() as connection:
            return request_reads(connection, account, [order_id], windows=self._windows, now=now)

    def document(self, account: str, order_id: str) -> tuple[bytes, datetime] | None:
        """Return the order's document as VTEX sent it and when, or None before it was read."""
        with self._database.reading() as connection:
            return kept_document(connection, account, order_id)

    def _release(
        self,
        claim: Claim,
        facts: Row,
        entries: list[Entry],
        now: datetime,
        result: StepResult | None = None,
    ) -> list[Dispatch]:
        changes = facts | freed(now, **facts) | {"dispatched_until": None, "updated_at": now}
        with self._database.writing() as connection:
            row = write_order(connection, claim, claim.version, changes)
            write_entries(connection, entries)
            if result is not None and result.document is not None:
                keep_document(connection, claim, result.document, now)
            if row.standing in _ENDED:
                settle(connection, claim.account, claim.order_id, now=now)
            return next_of(connection, claim.account, claim.order_id, now=now)


class Commands(Desk[CommandClaim, CommandResult]):
    """Claims and releases of commands; a claim is of the command and of its order."""

    _parked: ClassVar[Row] = {"outcome": "parked"}

    def claim(
        self, command_id: str, step: Step, *, owner: str, now: datetime
    ) -> CommandClaim | None:
        """Take a command and its order; None where the step is past or it is not its turn.

        It is dispatched when its turn comes.
        """
        until = now + self._lease
        of_id = commands.c.id == command_id
        order_of = sa.select(commands.c.account, commands.c.order_id, commands.c.line).where(of_id)
        take = (
            sa.update(commands)
            .where(
                of_id,
                commands.c.next_step == step,
                commands.c.standing.in_(OPEN),
                commands.c.due_at <= now + CLOCKS_DIFFER,
            )
            .values(version=commands.c.version + 1, dispatched_until=until)
            .returning(commands)
        )
        with self._database.writing() as connection:
            row = connection.execute(order_of).one_or_none()
            if row is None:
                return None
            if is_leased(connection, row.account, row.order_id, now):
                not_now = sa.update(commands).where(of_id).values(dispatched_until=None)
                connection.execute(not_now)
                return None
            if row.line is not None:
                align(connection, row.account, row.order_id, now=now)
            row_taken = connection.execute(take).one_or_none()
            if row_taken is None:
                return None
            lease = (
                sa.update(orders)
                .where(is_order(row.account, row.order_id))
                .values(**taken(owner, until))
                .returning(orders.c.version)
            )
            order_version = connection.execute(lease).scalar_one()
        return _claim_of(row_taken, step, order_version, until)

    def intend(
        self, claim: CommandClaim, intent: str, *, now: datetime, write_until: datetime
    ) -> None:
        """Renew the lease, and note what is about to be written to VTEX.

        The write may be on the wire until `write_until`: nobody takes the order over before.

        Raises:
            LeaseLost: another worker has taken over; nothing may be sent.
        """
        renewed = {
            "lease_until": max(now + self._lease, write_until),
            "write_until": write_until,
        }
        with self._database.writing() as connection:
            write_order(connection, claim, claim.order_version, renewed)
            _write_command(connection, claim, {"intent": intent})

    def note_intent(self, claim: CommandClaim, intent: str | None) -> None:
        """Note what is known of a write by now; None where VTEX has not taken it.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
        """
        with self._database.writing() as connection:
            _write_command(connection, claim, {"intent": intent})

    def _release(
        self,
        claim: CommandClaim,
        facts: Row,
        entries: list[Entry],
        now: datetime,
        result: CommandResult | None = None,
    ) -> list[Dispatch]:
        account, order_id = claim.account, claim.order_id
        changes = facts | {"dispatched_until": None, "updated_at": now}
        changes["next_step"] = facts["next_step"] or claim.step
        if result is not None and not result.keeps_intent:
            changes["intent"] = None
        with self._database.writing() as connection:
            # The order is locked before its commands, as it is by everybody else.
            write_order(connection, claim, claim.order_version, freed(now))
            row = _write_command(connection, claim, changes)
            write_entries(connection, entries)
            if row.standing == Standing.DONE:
                close_earlier_failures(connection, row, now=now)
            align(connection, account, order_id, now=now)
            if row.asked_by_erp and row.outcome != row.told:
                wake(connection, account, Chore.PULL, now)
            if row.standing in {Standing.DONE, Standing.PARKED}:
                settle(connection, account, order_id, now=now)
            return next_of(connection, account, order_id, now=now)


def _achieved(result: StepResult | CommandResult) -> Row:
    facts = {name: getattr(result, name, None) for name in _FACTS}
    return {name: value for name, value in facts.items() if value is not None} | {
        "attempts": 0,
        "failing_since": None,
        "cause": result.cause,
        "reason": result.reason,
        "hint": result.hint,
    }


def _write_command(connection: sa.Connection, claim: CommandClaim, changes: Row) -> Any:
    statement = (
        sa.update(commands)
        .where(commands.c.id == claim.command_id, commands.c.version == claim.version)
        .values(changes)
        .returning(commands)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise LeaseLost(f"Command {claim.command_id} was taken over during {claim.step}.")
    return row


def _stand_back(connection: sa.Connection, of_step: sa.ColumnElement[bool], now: datetime) -> None:
    """Note that a step's message is used up, where a command has its order.

    Who frees the order dispatches it.
    """
    is_lent = (orders.c.lease_until > now, orders.c.dispatched_until != orders.c.lease_until)
    connection.execute(sa.update(orders).where(of_step, *is_lent).values(dispatched_until=None))


def _park_unreadable(connection: sa.Connection, account: str, order_id: str) -> None:
    changes = {**UNREADABLE, "lease_owner": None, "lease_until": None, "dispatched_until": None}
    connection.execute(sa.update(orders).where(is_order(account, order_id)).values(changes))


def _claim_of(row: sa.Row[Any], step: Step, order_version: int, until: datetime) -> CommandClaim:
    return CommandClaim(
        command_id=row.id,
        account=row.account,
        order_id=row.order_id,
        step=step,
        kind=row.kind,
        body=row.body,
        progress=row.progress,
        receipt=row.receipt,
        intent=row.intent,
        position=row.position,
        version=row.version,
        order_version=order_version,
        attempts=row.attempts,
        failing_since=row.failing_since,
        created_at=row.created_at,
        waiting_since=row.retried_at or row.created_at,
        lease_until=until,
    )
