"""What people did by hand, kept in the operator's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orders_sync.ledger.tables import operator_log


@dataclass(frozen=True, slots=True)
class Act:
    """Who decides, when, and why."""

    at: datetime
    who: str
    why: str | None = None


def keep_act(
    connection: sa.Connection, act: Act, did: str, *, account: str = "", order_id: str | None = None
) -> None:
    """Write an act down, inside the transaction that does it."""
    connection.execute(
        sa.insert(operator_log).values(
            at=act.at, who=act.who, did=did, account=account, order_id=order_id, why=act.why
        )
    )
