"""An order taken for a step of its own: the one that a message names, or the next that is due."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.domain.rules import Progress
from orders_sync.domain.steps import Claim, Step
from orders_sync.ledger.due_work import longest_due
from orders_sync.ledger.order_lease import (
    IS_FREE,
    IS_ORDER,
    NOW,
    OF_STEP,
    TAKEN,
    UNTIL,
    may_be_taken,
    of_order,
)
from orders_sync.ledger.outbox import Outbox
from orders_sync.ledger.tables import orders
from orders_sync.ledger.unreadable import UNREADABLE, unreadable_order
from orders_sync.ledger.wakeups import CLOCKS_DIFFER
from orders_sync.ledger.windows import HAS_IDLE_THREAD, Windows

_FACTS: Final = (
    orders.c.order_id,
    orders.c.progress,
    orders.c.version,
    orders.c.attempts,
    orders.c.failing_since,
    orders.c.first_seen_at,
    orders.c.due_at,
    orders.c.revision,
    orders.c.erp_revision,
)
_TAKEN: Final = sa.update(orders).values({**TAKEN, "dispatched_until": UNTIL}).returning(*_FACTS)
_TAKE: Final = _TAKEN.where(IS_ORDER, may_be_taken(orders), IS_FREE)
_TAKE_NEXT: Final = _TAKEN.where(HAS_IDLE_THREAD, longest_due(orders))

#: A step's message is used up where a command has its order; who frees the order dispatches it.
_STAND_BACK: Final = (
    sa.update(orders)
    .where(
        IS_ORDER,
        orders.c.next_step == OF_STEP,
        orders.c.lease_until > NOW,
        orders.c.dispatched_until != orders.c.lease_until,
    )
    .values(dispatched_until=None)
)
_PARK: Final = sa.update(orders).where(IS_ORDER).values(lease_owner=None, lease_until=None)


def take_order(
    connection: sa.Connection,
    outbox: Outbox,
    account: str,
    order_id: str,
    step: Step,
    *,
    owner: str,
    now: datetime,
    until: datetime,
) -> Claim | None:
    """Take an order for a step; None where the step is past or a task has the order."""
    terms = of_order(account, order_id) | _terms(step, owner, now, until)
    row = connection.execute(_TAKE, terms).one_or_none()
    if row is None:
        connection.execute(_STAND_BACK, terms)
        return None
    return _claim_of(connection, outbox, row, account, step, now=now, until=until)


def take_next_order(
    connection: sa.Connection,
    outbox: Outbox,
    account: str,
    step: Step,
    windows: Windows,
    *,
    owner: str,
    now: datetime,
    until: datetime,
) -> Claim | None:
    """Take the order of an account for which a step is due for longest; None where none is.

    None as well where no thread is idle.
    """
    terms = {"of_account": account, "room": 1, **windows.idle_threads()}
    terms |= _terms(step, owner, now, until)
    row = connection.execute(_TAKE_NEXT, terms).one_or_none()
    return (
        None
        if row is None
        else _claim_of(connection, outbox, row, account, step, now=now, until=until)
    )


def _terms(step: Step, owner: str, now: datetime, until: datetime) -> dict[str, Any]:
    # A read that starts sees all that is known so far.
    news = {"news": False} if step is Step.FETCH else {}
    lease = {"owner": owner, "now": now, "until": until}
    return {"of_step": step, "due_by": now + CLOCKS_DIFFER, **lease, **news}


def _claim_of(
    connection: sa.Connection,
    outbox: Outbox,
    row: Any,
    account: str,
    step: Step,
    *,
    now: datetime,
    until: datetime,
) -> Claim | None:
    """Return the claim of a row that was taken; one that cannot be read is parked."""
    if row.progress not in set(Progress):
        connection.execute(_PARK, of_order(account, row.order_id) | UNREADABLE)
        told = unreadable_order(account, row.order_id, row.version, at=now)
        outbox.write(connection, [told])
        return None
    return Claim(
        account,
        row.order_id,
        step,
        Progress(row.progress),
        row.version,
        row.attempts,
        row.failing_since,
        row.first_seen_at,
        row.due_at,
        until,
        row.revision,
        row.erp_revision,
    )
