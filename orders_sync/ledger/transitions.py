"""Every transition that a worker makes: work is claimed, advanced, completed, deferred, parked.

An order is worked on by one task at a time. A claim, for a step of the order or for one of its
commands, raises the order's version, and every later write is made under that version: a worker
that was overtaken cannot write. Work that is open is due at some time, or stands in a line behind
work that is. A claim belongs to a process: `processes.py` frees those of a process that is gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from orders_sync.domain.announcements import of_step, parked_order
from orders_sync.domain.rules import OPEN, Progress, Standing
from orders_sync.domain.steps import (
    Claim,
    CommandClaim,
    CommandResult,
    Dispatch,
    Step,
    StepResult,
)
from orders_sync.ledger.accounts import Chore, wake
from orders_sync.ledger.command_rows import (
    is_orphan,
    leave_command,
    note_intent,
    release_command,
    take_command,
)
from orders_sync.ledger.decisions import close_earlier_failures
from orders_sync.ledger.due_work import take_next_order, take_order
from orders_sync.ledger.engine import Database
from orders_sync.ledger.journal import JournalLine, write_entries
from orders_sync.ledger.order_rows import (
    KeptDocument,
    achieved,
    free_order,
    keep_documents,
    kept_document,
    lease_order,
    lock_orders,
    write_order,
)
from orders_sync.ledger.outbox import of_commands
from orders_sync.ledger.standings import Transition, ended, parked
from orders_sync.ledger.statements import Taker
from orders_sync.ledger.wakeups import (
    Windows,
    align,
    next_of,
    read_later,
    request_reads,
    settle,
)

C = TypeVar("C", Claim, CommandClaim)
R = TypeVar("R", StepResult, CommandResult)

_ENDED: Final = frozenset({Standing.DONE, Standing.VOID})


class Claims(ABC, Generic[C, R]):
    """Releases claims; every method returns what to dispatch at once.

    Each raises `LeaseLost`, and writes nothing, where another worker has taken over.
    """

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease

    def complete(self, claim: C, result: R, entry: JournalLine, *, now: datetime) -> list[Dispatch]:
        """Record what a step achieved, and free the order."""
        next_at = now + timedelta(seconds=result.due_in or 0.0)
        due_at = next_at if result.standing in OPEN else None
        end = ended(result, due_at=due_at, at=now)
        return self._release(claim, end, [entry], now, result)

    def defer(
        self,
        claim: C,
        entry: JournalLine | None,
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
        wait = Transition(
            Standing.WAITING,
            now,
            claim.step,
            due_at,
            cause,
            reason,
            attempts=claim.attempts + counts,
            failing_since=claim.failing_since or (now if counts or fails else None),
        )
        return self._release(claim, wait, [entry] if entry else [], now)

    def park(
        self, claim: C, entry: JournalLine, *, cause: str, reason: str, hint: str, now: datetime
    ) -> list[Dispatch]:
        """Stop the work until a person, or a new event of the order, says otherwise."""
        stop = parked(cause=cause, reason=reason, hint=hint, step=claim.step, at=now)
        return self._release(claim, stop, [entry], now)

    @abstractmethod
    def _release(
        self,
        claim: C,
        transition: Transition,
        entries: list[JournalLine],
        now: datetime,
        result: R | None = None,
    ) -> list[Dispatch]: ...


class Orders(Claims[Claim, StepResult]):
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
        taker, outbox = Taker(owner, now, now + self._lease), self._database.outbox
        with self._database.writing() as connection:
            return take_order(connection, outbox, account, order_id, step, taker)

    def claim_next(self, done: Claim, step: Step, *, owner: str, now: datetime) -> Claim | None:
        """Take the order of the same account for which a step is due for longest.

        None where there is none, or where its message would find no idle thread: then others are
        in turn.
        """
        taker, outbox = Taker(owner, now, now + self._lease), self._database.outbox
        with self._database.writing() as connection:
            return take_next_order(connection, outbox, done.account, step, taker, self._windows)

    def advance(
        self, claim: Claim, result: StepResult, entry: JournalLine, *, now: datetime
    ) -> Claim:
        """Record what a step achieved and keep the order for its next step.

        Where an event came meanwhile, the next step is a read. The time of the latest change is in
        many indices, so that it is written when the order is freed.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        until = now + self._lease
        onward = ended(result, due_at=claim.due_at, at=None)
        leased = {"lease_until": until, "dispatched_until": until}
        changes = onward.of_order | achieved(result, now) | leased
        with self._database.writing() as connection:
            row = write_order(connection, claim, claim.version, changes)
            step = Step(row.next_step)
            if row.news:
                step = Step.FETCH
                write_order(connection, claim, claim.version, {"next_step": step, "news": False})
            write_entries(connection, [entry])
            self._database.outbox.write(connection, of_step(claim, result, at=now))
            keep_documents(connection, claim, result, now)
        given = result.given
        return replace(
            claim,
            step=step,
            progress=Progress(row.progress),
            attempts=0,
            failing_since=None,
            lease_until=until,
            revision=claim.revision if given is None else given.revision,
            erp_revision=claim.erp_revision if given is None else given.erp_revision,
            document=result.document,
        )

    def look_again(self, account: str, order_id: str, *, now: datetime) -> list[Dispatch]:
        """Make the read of an order due, whatever its standing; an unknown one is added.

        A worker that has it right now reads it next.
        """
        with self._database.writing() as connection:
            return request_reads(connection, account, [order_id], windows=self._windows, now=now)

    def document(self, account: str, order_id: str) -> KeptDocument | None:
        """Return the order's document, and the one that its ERP has; None before it was read."""
        with self._database.reading() as connection:
            return kept_document(connection, account, order_id)

    def _release(
        self,
        claim: Claim,
        transition: Transition,
        entries: list[JournalLine],
        now: datetime,
        result: StepResult | None = None,
    ) -> list[Dispatch]:
        account, order_id = claim.account, claim.order_id
        changes = transition.of_order | {"dispatched_until": None}
        if result is not None:
            changes |= achieved(result, now)
        with self._database.writing() as connection:
            freed = free_order(connection, claim, claim.version, changes, now=now)
            write_entries(connection, entries)
            if result is not None:
                self._database.outbox.write(connection, of_step(claim, result, at=now))
                keep_documents(connection, claim, result, now)
            elif transition.standing is Standing.PARKED:
                event = parked_order(account, order_id, claim.version, transition.cause, at=now)
                self._database.outbox.write(connection, [event])
            if freed.has_commands and freed.standing in _ENDED:
                settle(connection, account, order_id, now=now)
            if freed.is_at_rest:
                return []
            return next_of(connection, account, order_id, now=now, read=freed.has_due_step)


class Commands(Claims[CommandClaim, CommandResult]):
    """Claims and releases of commands; a claim is of the command and of its order."""

    def claim(self, message: Dispatch, *, owner: str, now: datetime) -> CommandClaim | None:
        """Take a command and its order; None where the step is past or it is not its turn.

        It is dispatched when its turn comes.
        """
        taker = Taker(owner, now, now + self._lease)
        account, order_id = message.account, message.order_id
        with self._database.writing() as connection:
            leased = lease_order(connection, message, taker)
            if leased is None and is_orphan(connection, message):
                lock_orders(connection, account, [order_id], now=now)
                leased = lease_order(connection, message, taker)
            if leased is None:
                leave_command(connection, message)
                return None
            version = leased.version
            if leased.has_commands:
                align(connection, account, order_id, now=now)
            claim = take_command(connection, message, taker, order_version=version)
            if claim is None:
                free_order(connection, message, version, {}, now=now)
            return claim

    def intend(
        self, claim: CommandClaim, intent: str, *, now: datetime, write_until: datetime
    ) -> None:
        """Renew the lease, and write what is about to be sent to VTEX.

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
            note_intent(connection, claim, intent)

    def note_intent(self, claim: CommandClaim, intent: str | None) -> None:
        """Write what is known of a write by now; None where VTEX has not taken it.

        Raises:
            LeaseLost: another worker has taken over; nothing was written.
        """
        with self._database.writing() as connection:
            note_intent(connection, claim, intent)

    def _release(
        self,
        claim: CommandClaim,
        transition: Transition,
        entries: list[JournalLine],
        now: datetime,
        result: CommandResult | None = None,
    ) -> list[Dispatch]:
        account, order_id = claim.account, claim.order_id
        changes = transition.of_command | {"dispatched_until": None}
        order_facts = {}
        if result is not None:
            changes |= achieved(result, now)
            if not result.keeps_intent:
                changes["intent"] = None
            if result.order_status is not None:
                order_facts["latest_status"] = result.order_status
        with self._database.writing() as connection:
            # The order is locked before its commands, as it is by everybody else.
            freed = free_order(
                connection,
                claim,
                claim.order_version,
                order_facts,
                now=now,
                command_id=claim.command_id,
            )
            row = release_command(connection, claim, changes)
            if result is not None and result.shows_in is not None:
                show_at = now + timedelta(seconds=result.shows_in)
                read_later(connection, account, order_id, at=show_at)
            write_entries(connection, entries)
            self._database.outbox.write(connection, of_commands([row], at=now))
            if freed.has_commands:
                if row.standing == Standing.DONE:
                    close_earlier_failures(connection, self._database.outbox, row, now=now)
                align(connection, account, order_id, now=now)
                if row.standing in {Standing.DONE, Standing.PARKED}:
                    settle(connection, account, order_id, now=now)
            is_due = row.standing in OPEN and row.due_at is not None and row.due_at <= now
            following: list[Dispatch] = []
            if is_due or not freed.is_at_rest:
                following = next_of(connection, account, order_id, now=now, read=freed.has_due_step)
            if row.asked_by_erp and row.outcome != row.told:
                # All who answer an ERP share this row, so that it is the last to be locked.
                wake(connection, account, Chore.PULL, now)
            return following
