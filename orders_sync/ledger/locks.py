"""Rows locked before they are written, so that all lock them in one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


def lock(
    connection: sa.Connection, rows: sa.Select[Any], wanted: Mapping[str, Any] | None = None
) -> None:
    """Lock rows in the order of the query.

    SQLite has one writer at a time, who waits for nobody, so nothing is asked of it.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(rows, wanted)
