"""Looks into files of SQLite's without a trace: nothing is made or changed, also beside them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy as sa

_WAIT_SECONDS: Final = 10.0

#: The byte that says by which log a file is written, and its value for the write-ahead log.
#: https://www.sqlite.org/fileformat2.html#file_format_version_numbers
_LOG_AT: Final = 18
_WRITE_AHEAD: Final = b"\x02"


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file that a URL names; None for a database in memory, or of another kind."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(url.database or "")


def is_missing(url: str) -> bool:
    """Return whether the ledger is a file that is not there; opening it would make an empty one."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return False
    path = sqlite_path(parsed)
    return path is not None and not path.exists()


def may_write(path: Path) -> bool:
    """Check whether this process may write a file of SQLite's, or make it in its folder."""
    folder = os.access(path.parent, os.W_OK | os.X_OK)
    return folder and (not path.exists() or os.access(path, os.W_OK))


def reading_engine(path: Path) -> sa.Engine:
    """Make an engine that reads a file which is there, and keeps no connection open."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro{_without_trace(path)}",
            uri=True,
            timeout=_WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # A text that is no UTF-8 must not make all unreadable.
        connection.text_factory = lambda text: text.decode(errors="replace")
        return connection

    return sa.create_engine(
        "sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True
    )


def _without_trace(path: Path) -> str:
    """Return the parameter with which a reader makes no index of a write-ahead log, nor mends it.

    A process that has the file open has made the index, in `-shm`. Where there is none, nobody
    writes a file that has such a log. https://www.sqlite.org/walformat.html
    """
    if path.with_name(f"{path.name}-shm").exists():
        return "&readonly_shm=1"
    try:
        with path.open("rb") as file:
            file.seek(_LOG_AT)
            return "&immutable=1" if file.read(1) == _WRITE_AHEAD else ""
    except OSError:
        return ""
