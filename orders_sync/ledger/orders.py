"""Orders in the ledger: claimed for a step, released with what the step achieved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.rules import OPEN, Progress, Standing
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger.engine import Database
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.journal import Entry, write_entries
from orders_sync.ledger.news import new_order, next_in_line, request_reads, wake_commands
from orders_sync.ledger.order_lease import refuse_if_lent
from orders_sync.ledger.tables import documents, orders


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
        statement = (
            sa.update(orders)
            .where(
                orders.c.account == account,
                orders.c.order_id == order_id,
                orders.c.next_step == step,
                orders.c.standing.in_(OPEN),
                sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now),
            )
            .values(
                lease_owner=owner,
                lease_until=until,
                version=orders.c.version + 1,
                due_at=until,
                # A read that starts now sees all that is known so far.
                **({"news": False} if step is Step.FETCH else {}),
            )
            .returning(
                orders.c.progress,
                orders.c.version,
                orders.c.attempts,
                orders.c.failing_since,
                orders.c.first_seen_at,
            )
        )
        with self._database.writing() as connection:
            row = connection.execute(statement).one_or_none()
            if row is None:
                refuse_if_lent(connection, account, order_id, step, now=now)
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

    def complete(
        self, claim: Claim, result: StepResult, entry: Entry, *, now: datetime
    ) -> list[Dispatch]:
        """Record what a step achieved, and give the lease back.

        Gives what to dispatch at once: the next step, and commands that waited for the order.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        facts: dict[str, Any] = {
            column: value
            for column, value in (
                ("progress", result.progress),
                ("status", result.status),
                ("erp_reference", result.erp_reference),
            )
            if value is not None
        }
        due_in = self._lease if result.due_in is None else timedelta(seconds=result.due_in)
        facts |= {
            "attempts": 0,
            "failing_since": None,
            "cause": result.cause,
            "reason": result.note if result.cause else None,
            "hint": result.hint,
            "due_at": now + due_in if result.standing in OPEN else None,
        }
        with self._database.writing() as connection:
            if result.document is not None:
                _keep_document(connection, claim, result.document, now)
            return self._release(
                connection, claim, result.standing, result.next_step, facts, entry, now
            )

    def defer(
        self,
        claim: Claim,
        entry: Entry,
        *,
        due_at: datetime,
        cause: str,
        reason: str,
        counts: bool,
        now: datetime,
    ) -> list[Dispatch]:
        """Put a step that could not be done back until `due_at`; `counts` it as a failed try.

        Gives a read of the order where an event came meanwhile.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        facts: dict[str, Any] = {"due_at": due_at, "cause": cause, "reason": reason, "hint": None}
        if counts:
            facts |= {
                "attempts": claim.attempts + 1,
                "failing_since": claim.failing_since or now,
            }
        with self._database.writing() as connection:
            return self._release(connection, claim, Standing.WAITING, claim.step, facts, entry, now)

    def park(
        self, claim: Claim, entry: Entry, *, cause: str, reason: str, hint: str, now: datetime
    ) -> list[Dispatch]:
        """Stop work on the order until a person, or a new event, says otherwise.

        Raises:
            LeaseLost: another worker has taken the order over; nothing was written.
        """
        facts = {"due_at": None, "cause": cause, "reason": reason, "hint": hint}
        with self._database.writing() as connection:
            return self._release(connection, claim, Standing.PARKED, claim.step, facts, entry, now)

    def _release(
        self,
        connection: sa.Connection,
        claim: Claim,
        standing: Standing,
        next_step: Step | None,
        facts: dict[str, Any],
        entry: Entry,
        now: datetime,
    ) -> list[Dispatch]:
        """Write under the claim's version; an event that came meanwhile leads to a read."""
        due_at = facts.pop("due_at")
        statement = (
            sa.update(orders)
            .where(
                orders.c.account == claim.account,
                orders.c.order_id == claim.order_id,
                orders.c.version == claim.version,
            )
            .values(
                standing=sa.case((orders.c.news, Standing.ACTIVE), else_=standing),
                next_step=sa.case((orders.c.news, Step.FETCH), else_=next_step),
                due_at=sa.case(
                    (orders.c.news, sa.literal(now + self._lease, orders.c.due_at.type)),
                    else_=sa.literal(due_at, orders.c.due_at.type),
                ),
                lease_owner=None,
                lease_until=None,
                updated_at=now,
                **facts,
            )
            .returning(orders.c.standing, orders.c.next_step)
        )
        row = connection.execute(statement).one_or_none()
        if row is None:
            raise LeaseLost(f"Order {claim.order_id} was taken over during {claim.step}.")
        write_entries(connection, [entry])
        return self._following(connection, claim, row, now)

    def _following(
        self, connection: sa.Connection, claim: Claim, released: sa.Row[Any], now: datetime
    ) -> list[Dispatch]:
        """Find what goes on now that the order is free: a command in line, its next step."""
        account, order_id = claim.account, claim.order_id
        following = next_in_line(connection, account, order_id, now=now, lease=self._lease)
        if released.standing == Standing.ACTIVE:
            following.append(Dispatch(account, order_id, Step(released.next_step)))
        elif released.standing in {Standing.DONE, Standing.VOID}:
            following += wake_commands(connection, account, order_id, now=now, lease=self._lease)
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
                orders.c.standing.in_(OPEN),
                orders.c.due_at <= now - grace,
                sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= now),
            )
            .order_by(orders.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        statement = (
            sa.update(orders)
            .where(sa.tuple_(orders.c.account, orders.c.order_id).in_(due))
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
            connection.execute(insert_into(orders, connection).on_conflict_do_nothing(), fresh)
            ready = request_reads(connection, account, [order_id], now=now, lease=self._lease)
        return ready[0] if ready else None

    def document(self, account: str, order_id: str) -> tuple[bytes, datetime] | None:
        """Give the order's document as VTEX sent it and when, or None before it was read."""
        statement = sa.select(documents.c.body, documents.c.read_at).where(
            documents.c.account == account, documents.c.order_id == order_id
        )
        with self._database.reading() as connection:
            row = connection.execute(statement).one_or_none()
        return (row.body, row.read_at) if row else None


def _keep_document(connection: sa.Connection, claim: Claim, body: bytes, now: datetime) -> None:
    statement = insert_into(documents, connection).values(
        account=claim.account, order_id=claim.order_id, body=body, read_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[documents.c.account, documents.c.order_id],
            set_={"body": statement.excluded.body, "read_at": statement.excluded.read_at},
        )
    )
