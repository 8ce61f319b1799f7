"""The journal of what happened to which order, and the log of what people did by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from orders_sync.ledger.tables import journal, operator_log


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of the journal; `what` is a noun and a participle, `note` has no personal data."""

    at: datetime
    account: str
    order_id: str | None
    what: str
    step: str | None = None
    attempt: int | None = None
    seconds: float | None = None
    task_id: str | None = None
    note: str | None = None


def write_entries(connection: sa.Connection, entries: Sequence[JournalLine]) -> None:
    """Append entries inside the transaction that makes them true."""
    if entries:
        rows = [{name: getattr(entry, name) for name in _FIELDS} for entry in entries]
        connection.execute(_INSERT, rows)


_FIELDS = [field.name for field in fields(JournalLine)]
_INSERT = sa.insert(journal)


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
