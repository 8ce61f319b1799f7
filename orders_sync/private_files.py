"""Keeps what lies in the home folder, and the ledger's file, from everybody but their owner."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orders_sync.settings import Settings

#: What a process makes under it is its owner's only: folders 0700, files 0600.
UMASK: Final = 0o077
_OTHERS: Final = 0o077

#: What processes of ours make in the home folder; a person may keep other files beside it.
_OURS: Final = (
    "*.sqlite3*",
    "*.pulse",
    "*.lock",
    "flower*",
    "watch.json",
    "logs",
    "logs/*",
    "run",
    "run/*",
    "broker",
    "broker/**/*",
)


@contextmanager
def owner_only() -> Iterator[None]:
    """Have what this process makes inside be its owner's only."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only."""
    with owner_only():
        path.mkdir(parents=True, exist_ok=True)


def keep_private(settings: Settings) -> None:
    """Take from group and others what they may do with our folders and files, where we own them.

    What cannot be mended stays as it is; `doctor` names it.
    """
    for path in open_paths(settings):
        with suppress(OSError):
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)


def open_paths(settings: Settings) -> list[Path]:
    """List the home folder, and what is ours in it, where group or others may do anything with it.

    The ledger's SQLite file counts wherever it is.
    """
    home = settings.home
    paths = [home, *(path for pattern in _OURS for path in sorted(home.glob(pattern)))]
    ledger = _sqlite_file(settings.ledger)
    if ledger is not None and home not in ledger.parents:
        paths += sorted(ledger.parent.glob(f"{ledger.name}*"))
    return [path for path in paths if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)


def _sqlite_file(url: str) -> Path | None:
    kind, _, rest = url.partition(":///")
    name = rest.partition("?")[0]
    return Path(name) if kind.startswith("sqlite") and name not in {"", ":memory:"} else None
