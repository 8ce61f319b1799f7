"""Orders' rows and documents: made known, locked, leased, and written under the lease's version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from orders_sync.domain.rules import OPEN, UNFINISHED, Progress, Standing
from orders_sync.domain.steps import (
    Claim,
    CommandClaim,
    CommandResult,
    Dispatch,
    Given,
    Step,
    StepResult,
)
from orders_sync.errors import LeaseLost
from orders_sync.ledger.standings import Transition, done, opened
from orders_sync.ledger.statements import Row, Taker, insert_into, is_among, lock
from orders_sync.ledger.tables import commands, documents, orders

# Statements are built once and take their values as parameters: to build one costs as much as to
# run it.
NOW: Final = sa.bindparam("now", type_=orders.c.due_at.type)
UNTIL: Final = sa.bindparam("until", type_=orders.c.due_at.type)
OF_ACCOUNT: Final[sa.BindParameter[str]] = sa.bindparam("of_account")
OF_ORDER: Final[sa.BindParameter[str]] = sa.bindparam("of_order")
OF_STEP: Final[sa.BindParameter[str]] = sa.bindparam("of_step")

IS_ORDER: Final = sa.and_(orders.c.account == OF_ACCOUNT, orders.c.order_id == OF_ORDER)
IS_OF_ORDER: Final = sa.and_(commands.c.account == OF_ACCOUNT, commands.c.order_id == OF_ORDER)
OF_ORDERS: Final[sa.BindParameter[Any]] = sa.bindparam("of_orders", expanding=True)
ARE_ORDERS: Final = sa.and_(orders.c.account == OF_ACCOUNT, orders.c.order_id.in_(OF_ORDERS))
ARE_OF_ORDERS: Final = sa.and_(commands.c.account == OF_ACCOUNT, commands.c.order_id.in_(OF_ORDERS))
IS_FREE: Final = sa.or_(orders.c.lease_until.is_(None), orders.c.lease_until <= NOW)


_UNDER_VERSION: Final = sa.and_(IS_ORDER, orders.c.version == sa.bindparam("of_version"))

#: What takes an order for a process.
TAKEN: Final[dict[Any, Any]] = {
    "lease_owner": sa.bindparam("owner"),
    "lease_until": UNTIL,
    "version": orders.c.version + 1,
}

_HAS_OTHERS: Final = (
    sa.exists()
    .where(
        IS_OF_ORDER,
        is_among(commands.c.standing, UNFINISHED),
        commands.c.id != sa.bindparam("beside"),
    )
    .label("has_commands")
)
_LEASE: Final = (
    sa.update(orders)
    .where(IS_ORDER, IS_FREE)
    .values(TAKEN)
    .returning(orders.c.version, _HAS_OTHERS)
)
_WRITE: Final = (
    sa.update(orders)
    .where(_UNDER_VERSION)
    .returning(orders.c.next_step, orders.c.progress, orders.c.news)
)
_FREE: Final = (
    sa.update(orders)
    .where(_UNDER_VERSION)
    .values(lease_owner=None, lease_until=None, write_until=None)
    .returning(
        orders.c.standing,
        orders.c.due_at,
        orders.c.news,
        _HAS_OTHERS,
    )
)
#: Locks the rows of orders, all in one order.
LOCKED: Final = (
    sa.select(orders.c.order_id).where(ARE_ORDERS).order_by(orders.c.order_id).with_for_update()
)
_READ: Final = sa.update(orders).where(IS_ORDER)


@dataclass(frozen=True, slots=True)
class Freed:
    """An order that was freed, and what may go on with it.

    `has_commands`: it has unfinished ones, beside the one whose claim was given back.
    """

    standing: Standing
    has_due_step: bool
    has_commands: bool

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing of it is left to be dispatched."""
        return not self.has_due_step and not self.has_commands


def may_be_taken(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a message's step is what a row needs, by the parameter `due_by`."""
    return sa.and_(
        table.c.next_step == OF_STEP,
        is_among(table.c.standing, OPEN),
        table.c.due_at <= sa.bindparam("due_by", type_=table.c.due_at.type),
    )


def of_order(account: str, order_id: str) -> Row:
    """Return the parameters that name an order."""
    return {"of_account": account, "of_order": order_id}


def of_orders(account: str, order_ids: Sequence[str]) -> Row:
    """Return the parameters that name several orders."""
    return {"of_account": account, "of_orders": order_ids}


@cache
def make_known(dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Return the statement that inserts the rows of unknown orders."""
    return insert_into(orders, dialect).on_conflict_do_nothing()


def new_order(
    account: str, order_id: str, beginning: Transition, *, news: bool, now: datetime
) -> Row:
    """Return the row of a new order."""
    return {
        "account": account,
        "order_id": order_id,
        "progress": Progress.SEEN,
        "news": news,
        "attempts": 0,
        "version": 0,
        "first_seen_at": now,
        **beginning.of_order,
    }


def lock_orders(
    connection: sa.Connection, account: str, order_ids: Sequence[str], *, now: datetime
) -> None:
    """Lock the rows of orders; unknown ones are added, with nothing to do."""
    chosen = sorted(set(order_ids))
    rows = [new_order(account, name, done(at=now), news=False, now=now) for name in chosen]
    connection.execute(make_known(connection.dialect.name), rows)
    lock(connection, LOCKED, of_orders(account, chosen))


@dataclass(frozen=True, slots=True)
class Leased:
    """An order that was taken; `has_commands`: unfinished ones beside the one it was taken for."""

    version: int
    has_commands: bool


def lease_order(connection: sa.Connection, message: Dispatch, taker: Taker) -> Leased | None:
    """Take an order that is free; None where it is not, or not known."""
    terms = of_order(message.account, message.order_id) | taker.terms
    row = connection.execute(_LEASE, terms | {"beside": message.command_id or ""}).one_or_none()
    return None if row is None else Leased(row.version, row.has_commands)


def write_order(
    connection: sa.Connection, claim: Claim | CommandClaim | Dispatch, version: int, changes: Row
) -> sa.Row[Any]:
    """Write an order under the version that a claim of it, or of its command, was given.

    Raises:
        LeaseLost: another worker has taken the order over; nothing was written.
    """
    return _write(connection, _WRITE, claim, version, changes)


def free_order(
    connection: sa.Connection,
    claim: Claim | CommandClaim | Dispatch,
    version: int,
    changes: Row,
    *,
    now: datetime,
    command_id: str = "",
) -> Freed:
    """Write an order and free it, from a claim of its own or of a command's.

    One that an event came for is read.

    Raises:
        LeaseLost: another worker has taken the order over; nothing was written.
    """
    row = _write(connection, _FREE, claim, version, changes | {"beside": command_id})
    if row.news:
        is_order = of_order(claim.account, claim.order_id)
        connection.execute(_READ, is_order | opened(Step.FETCH, at=now).of_order)
        return Freed(Standing.ACTIVE, has_due_step=True, has_commands=row.has_commands)
    is_due = row.standing in OPEN and row.due_at is not None and row.due_at <= now
    return Freed(Standing(row.standing), has_due_step=is_due, has_commands=row.has_commands)


def _write(
    connection: sa.Connection,
    statement: sa.UpdateBase,
    claim: Claim | CommandClaim | Dispatch,
    version: int,
    changes: Row,
) -> sa.Row[Any]:
    under = of_order(claim.account, claim.order_id) | {"of_version": version}
    row = connection.execute(statement, under | changes).one_or_none()
    if row is None:
        raise LeaseLost(f"Order {claim.order_id} was taken over during {claim.step}.")
    return row


#: What a step found out; what it gives as None stays as it is.
_FACTS: Final = (
    "progress",
    "status",
    "sequence",
    "marketplace_order_id",
    "erp_reference",
    "receipt",
    "value_cents",
)


def _given(given: Given, now: datetime) -> Row:
    row: Row = {
        "revision": given.revision,
        "erp_revision": given.erp_revision,
        "compare_at": None,
    }
    if given.compare_in is not None:
        row["compare_at"] = now + timedelta(seconds=given.compare_in)
    if given.value_cents is not None:
        row["value_cents"] = given.value_cents
    return row


def achieved(result: StepResult | CommandResult, now: datetime) -> Row:
    """Return the columns of what a step found out."""
    facts = {name: getattr(result, name, None) for name in _FACTS}
    facts["latest_status"] = facts["status"]
    given = result.given if isinstance(result, StepResult) else None
    known = {name: value for name, value in facts.items() if value is not None}
    return known | (_given(given, now) if given else {})


_IS_OF_ORDER = sa.and_(documents.c.account == OF_ACCOUNT, documents.c.order_id == OF_ORDER)
_KEPT = sa.select(documents.c.body, documents.c.read_at, documents.c.given).where(_IS_OF_ORDER)
_GIVE = sa.update(documents).where(_IS_OF_ORDER).values(given=sa.bindparam("new_given"))


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """An order's document as it was read last; `given` is the one that its ERP has, if another."""

    body: bytes = field(repr=False)
    read_at: datetime
    given: bytes | None = field(repr=False)


def kept_document(connection: sa.Connection, account: str, order_id: str) -> KeptDocument | None:
    """Return an order's document; None before it was read and after it was erased."""
    row = connection.execute(_KEPT, of_order(account, order_id)).one_or_none()
    return KeptDocument(row.body, row.read_at, row.given) if row else None


def keep_documents(
    connection: sa.Connection, claim: Claim, result: StepResult, now: datetime
) -> None:
    """Write the document that a step read, and which one the ERP has, where it found that out."""
    row: Row = {"account": claim.account, "order_id": claim.order_id}
    given = result.given
    if result.document is not None:
        row |= {"body": result.document, "read_at": now}
        if given is not None:
            row["given"] = given.document
        connection.execute(_keep(connection.dialect.name, is_given=given is not None), row)
    elif given is not None:
        terms = of_order(claim.account, claim.order_id) | {"new_given": given.document}
        connection.execute(_GIVE, terms)


def forget_given(connection: sa.Connection, account: str, order_id: str) -> None:
    """Write that the ERP has the document that was read last."""
    connection.execute(_GIVE, of_order(account, order_id) | {"new_given": None})


@cache
def _keep(dialect: str, *, is_given: bool) -> Any:
    statement = insert_into(documents, dialect)
    columns = ["body", "read_at", *(["given"] if is_given else [])]
    return statement.on_conflict_do_update(
        index_elements=[documents.c.account, documents.c.order_id],
        set_={name: statement.excluded[name] for name in columns},
    )
