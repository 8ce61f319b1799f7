"""Orders in the ledger: claimed for a step, released with what the step achieved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Progress, Standing
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger.carried import CarryingClaim, onward, onward_carrying
from orders_sync.ledger.documents import keep_document, kept_document
from orders_sync.ledger.due import is_due
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.news import commands_set_free, new_order, request_reads
from orders_sync.ledger.order_lease import refuse_if_lent
from orders_sync.ledger.order_statements import ADVANCE, CLAIM, CLAIM_FOR_READ, RELEASE
from orders_sync.ledger.prepared import Prepared
from orders_sync.ledger.tables import orders


class Orders:
    """Claims, releases and the due work of orders.

    Every write of a worker is guarded by the version its claim was given, so a worker that was
    overtaken cannot write.
    """

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease

    def claim(
        self, account: str, order_id: str, step: Step, *, owner: str, now: datetime
    ) -> Claim | None:
        """Take the order for one step; None where the step is past or another worker is at it.

        Raises:
            WaitError: a command is being sent for the order.
        """
        until = now + self._lease
        statement = CLAIM_FOR_READ if step is Step.FETCH else CLAIM
        wanted = {
            "of_account": account,
            "of_order": order_id,
            "of_step": step,
            "now": now,
            "new_lease_owner": owner,
            "new_lease_until": until,
        }
        with self._database.writing() as connection:
            found = statement.run(connection, wanted)
            if not found:
                refuse_if_lent(connection, account, order_id, step, now=now)
                return None
        row = found[0]
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

        Where an event came meanwhile, the next step is a read. That the ERP has the order is
        recorded together with the next step: until then the ERP would be asked again, and give the
        same receipt.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        if result.next_step is Step.START_HANDLING and result.document is None:
            return onward_carrying(claim, result, entry)
        until = now + self._lease
        facts = _found(result) | {"new_lease_until": until}
        with self._database.writing() as connection:
            row = _write(connection, ADVANCE, claim, result.next_step, facts, entry, now)
            if result.document is not None:
                keep_document(connection, claim, result.document, now)
        return onward(
            claim,
            step=Step(row.next_step),
            progress=Progress(row.progress),
            lease_until=until,
            document=result.document,
        )

    def complete(
        self, claim: Claim, result: StepResult, entry: Entry, *, now: datetime
    ) -> list[Dispatch]:
        """Record what a step achieved, and give the lease back.

        Gives what to dispatch at once: the next step, and commands that waited for the order.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        due_in = self._lease if result.due_in is None else timedelta(seconds=result.due_in)
        facts = _found(result) | {"new_due_at": now + due_in if result.standing in OPEN else None}
        with self._database.writing() as connection:
            following = self._release(
                connection, claim, result.standing, result.next_step, facts, entry, now
            )
            if result.document is not None:
                keep_document(connection, claim, result.document, now)
            return following

    def defer(
        self,
        claim: Claim,
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

        One that only `fails` uses up no try, and is failing from now on all the same. Gives a read
        of the order where an event came meanwhile.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        facts = _failed(claim, cause, reason, None) | {"new_due_at": due_at}
        facts["new_attempts"] = claim.attempts + counts
        if counts or fails:
            facts["new_failing_since"] = claim.failing_since or now
        with self._database.writing() as connection:
            return self._release(connection, claim, Standing.WAITING, claim.step, facts, entry, now)

    def park(
        self, claim: Claim, entry: Entry, *, cause: str, reason: str, hint: str, now: datetime
    ) -> list[Dispatch]:
        """Stop work on the order until a person, or a new event, says otherwise.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        facts = _failed(claim, cause, reason, hint) | {"new_due_at": None}
        with self._database.writing() as connection:
            return self._release(connection, claim, Standing.PARKED, claim.step, facts, entry, now)

    def _release(
        self,
        connection: sa.Connection,
        claim: Claim,
        standing: Standing,
        next_step: Step | None,
        facts: dict[str, Any],
        entry: Entry | None,
        now: datetime,
    ) -> list[Dispatch]:
        """Write under the claim's version, and find what goes on now that the order is free."""
        facts |= {"new_standing": standing, "new_lease_until": now + self._lease}
        released = _write(connection, RELEASE, claim, next_step, facts, entry, now)
        following = commands_set_free(
            connection,
            claim.account,
            claim.order_id,
            is_settled=released.standing in {Standing.DONE, Standing.VOID},
            now=now,
            lease=self._lease,
        )
        if released.standing == Standing.ACTIVE:
            step = Step(released.next_step)
            following.append(Dispatch(claim.account, claim.order_id, step))
        return following

    def take_due(self, *, now: datetime, grace: timedelta, limit: int) -> Sequence[Dispatch]:
        """Pick open orders whose time has come or whose worker is gone, for dispatch.

        `grace` leaves a message that is on its way the time to arrive first. Two sweeps at once
        pick different orders, and what was picked is not due again before another lease has
        passed.
        """
        due = (
            sa.select(orders.c.account, orders.c.order_id)
            .where(
                is_due(orders, now=now, grace=grace),
                sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now),
            )
            .order_by(orders.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")  # As a subquery, PostgreSQL may run it, and its limit, more than once.
        )
        statement = (
            sa.update(orders)
            .where(sa.tuple_(orders.c.account, orders.c.order_id).in_(sa.select(due)))
            .values(due_at=now + self._lease, standing=Standing.ACTIVE)
            .returning(orders.c.account, orders.c.order_id, orders.c.next_step)
        )
        with self._database.writing() as connection:
            rows = connection.execute(statement).all()
        return [Dispatch(row.account, row.order_id, Step(row.next_step)) for row in rows]

    def look_again(self, account: str, order_id: str, *, now: datetime) -> Dispatch | None:
        """Have an order read afresh, whatever its standing; a new order is taken up.

        Returns None where a worker has it right now: that worker will read it next.
        """
        with self._database.writing() as connection:
            fresh = new_order(account, order_id, now=now, lease=self._lease)
            connection.execute(
                insert_into(orders, connection.dialect.name).on_conflict_do_nothing(), fresh
            )
            ready = request_reads(connection, account, [order_id], now=now, lease=self._lease)
        return Dispatch(account, order_id, Step.FETCH) if ready else None

    def document(self, account: str, order_id: str) -> tuple[bytes, datetime] | None:
        """Give the order's document as VTEX sent it and when, or None before it was read."""
        with self._database.reading() as connection:
            return kept_document(connection, account, order_id)


def _found(result: StepResult) -> dict[str, Any]:
    return {
        "new_progress": result.progress,
        "new_status": result.status,
        "new_erp_reference": result.erp_reference,
        "new_attempts": 0,
        "new_failing_since": None,
        "new_cause": result.cause,
        "new_reason": result.note if result.cause else None,
        "new_hint": result.hint,
    }


def _failed(claim: Claim, cause: str, reason: str, hint: str | None) -> dict[str, Any]:
    return {
        "new_progress": None,
        "new_status": None,
        "new_erp_reference": None,
        "new_attempts": claim.attempts,
        "new_failing_since": claim.failing_since,
        "new_cause": cause,
        "new_reason": reason,
        "new_hint": hint,
    }


def _write(
    connection: sa.Connection,
    statement: Prepared,
    claim: Claim,
    next_step: Step | None,
    facts: dict[str, Any],
    entry: Entry | None,
    now: datetime,
) -> Any:
    facts |= {
        "of_account": claim.account,
        "of_order": claim.order_id,
        "of_version": claim.version,
        "new_next_step": next_step,
        "new_updated_at": now,
    }
    entries = [entry] if entry else []
    if isinstance(claim, CarryingClaim):
        entries.insert(0, claim.entry)
        for name in ("progress", "erp_reference"):
            facts[f"new_{name}"] = facts[f"new_{name}"] or getattr(claim.result, name)
    written = statement.run(connection, facts)
    if not written:
        raise LeaseLost(f"Order {claim.order_id} was taken over during {claim.step}.")
    write_entries(connection, entries)
    return written[0]
