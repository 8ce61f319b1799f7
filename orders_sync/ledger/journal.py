"""The journal: what happened to which order, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from orders_sync.ledger.tables import journal


@dataclass(frozen=True, slots=True)
class Entry:
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


def write_entries(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    """Append entries inside the transaction that makes them true."""
    if entries:
        rows = [{name: getattr(entry, name) for name in _FIELDS} for entry in entries]
        connection.execute(_INSERT, rows)


_FIELDS = [field.name for field in fields(Entry)]
_INSERT = sa.insert(journal)
