"""A ledger in a file: a copy of one that was migrated once, which takes a tenth of a second."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import sqlalchemy as sa

from orders_sync.ledger.migrate import upgrade


def make_ledger(url: str) -> str:
    """Make an SQLite file with the ledger's tables where there is none; return its URL."""
    path = Path(sa.make_url(url).database or "")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_tables())
    return url


@functools.cache
def _tables() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()
