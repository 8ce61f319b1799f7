"""Permissions of the home folder's files and the ledger's file: for their owner only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orders_sync.settings import Settings

#: Under it folders are created 0700 and files 0600.
UMASK: Final = 0o077
_OTHERS: Final = 0o077

#: The files that our processes make in the home folder; a person may keep others there.
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
    """Create files and folders inside for their owner only."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def private_folder(path: Path) -> None:
    """Create a folder, and missing ones above it, for their owner only."""
    with owner_only():
        path.mkdir(parents=True, exist_ok=True)


def keep_private(settings: Settings) -> None:
    """Remove the permissions of group and others from our folders and files, where we own them.

    A file that cannot be changed stays as it is; `doctor` names it.
    """
    for path in open_paths(settings):
        with suppress(OSError):
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)


def open_paths(settings: Settings) -> list[Path]:
    """Return the home folder and our files in it that group or others have any permission for.

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
