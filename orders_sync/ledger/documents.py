"""Orders' documents as VTEX sent them: the last that was read, and the one that the ERP has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.steps import Claim, Given
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.order_lease import OF_ACCOUNT, OF_ORDER, of_order
from orders_sync.ledger.tables import documents

_IS_OF_ORDER = sa.and_(documents.c.account == OF_ACCOUNT, documents.c.order_id == OF_ORDER)
_KEPT = sa.select(documents.c.body, documents.c.read_at, documents.c.given).where(_IS_OF_ORDER)
_GIVE = sa.update(documents).where(_IS_OF_ORDER).values(given=sa.bindparam("new_given"))


@dataclass(frozen=True, slots=True)
class Kept:
    """An order's document as it was read last; `given` is the one that its ERP has, if another."""

    body: bytes = field(repr=False)
    read_at: datetime
    given: bytes | None = field(repr=False)


def kept_document(connection: sa.Connection, account: str, order_id: str) -> Kept | None:
    """Return what is kept of an order, None before it was read and after it was erased."""
    row = connection.execute(_KEPT, of_order(account, order_id)).one_or_none()
    return Kept(row.body, row.read_at, row.given) if row else None


def keep_document(
    connection: sa.Connection, claim: Claim, body: bytes, given: Given | None, now: datetime
) -> None:
    """Keep what was just read, in place of what was read before; None leaves what is given."""
    row = {"account": claim.account, "order_id": claim.order_id, "body": body, "read_at": now}
    if given is not None:
        row["given"] = given.document
    connection.execute(_keep(connection.dialect.name, is_given=given is not None), row)


def keep_given(connection: sa.Connection, claim: Claim, given: Given) -> None:
    """Keep which document the ERP has, beside what was read before."""
    terms = of_order(claim.account, claim.order_id) | {"new_given": given.document}
    connection.execute(_GIVE, terms)


def forget_given(connection: sa.Connection, account: str, order_id: str) -> None:
    """Keep that the ERP goes by the document that was read last."""
    connection.execute(_GIVE, of_order(account, order_id) | {"new_given": None})


@cache
def _keep(dialect: str, *, is_given: bool) -> Any:
    statement = insert_into(documents, dialect)
    columns = ["body", "read_at", *(["given"] if is_given else [])]
    return statement.on_conflict_do_update(
        index_elements=[documents.c.account, documents.c.order_id],
        set_={name: statement.excluded[name] for name in columns},
    )
