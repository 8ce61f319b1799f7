"""Orders' documents, kept as VTEX sent them."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.steps import Claim
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.order_lease import OF_ACCOUNT, OF_ORDER, of_order
from orders_sync.ledger.tables import documents

_KEPT = sa.select(documents.c.body, documents.c.read_at).where(
    documents.c.account == OF_ACCOUNT, documents.c.order_id == OF_ORDER
)


def kept_document(
    connection: sa.Connection, account: str, order_id: str
) -> tuple[bytes, datetime] | None:
    """Give an order's document and when it was read, or None before that."""
    row = connection.execute(_KEPT, of_order(account, order_id)).one_or_none()
    return (row.body, row.read_at) if row else None


def keep_document(connection: sa.Connection, claim: Claim, body: bytes, now: datetime) -> None:
    """Keep what was just read, in place of what was read before."""
    row = {"account": claim.account, "order_id": claim.order_id, "body": body, "read_at": now}
    connection.execute(_keep(connection.dialect.name), row)


@cache
def _keep(dialect: str) -> Any:
    statement = insert_into(documents, dialect)
    return statement.on_conflict_do_update(
        index_elements=[documents.c.account, documents.c.order_id],
        set_={"body": statement.excluded.body, "read_at": statement.excluded.read_at},
    )
