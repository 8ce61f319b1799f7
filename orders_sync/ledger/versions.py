"""Which version the ledger's tables have, and whether this code may work on them.

A migration's version says which code may work beside it: code that needs version 0007 or later
works on the tables of `0009_from_0007`. One without `_from_` is for code that knows it.
Migrations are read as text: Alembic takes longer to import than most commands take to run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from orders_sync.errors import ConfigurationError
from orders_sync.ledger.engine import Database

#: Alembic's own name, `alembic_version`, may be another program's in the same database.
VERSION_TABLE: Final = "orders_sync_version"
EARLIER_TABLE: Final = "alembic_version"

MIGRATIONS: Final = Path(__file__).parent / "migrations"

#: Columns by which the ledger's first tables are told from another program's of the same names.
_FIRST_TABLES: Final = {
    "cursors": {"account", "name", "lease_until"},
    "documents": {"account", "order_id", "read_at"},
    "events": {"account", "identity", "deliveries"},
    "journal": {"account", "at", "what"},
    "orders": {"account", "order_id", "progress", "standing"},
}

_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_LATER: Final = re.compile(r"\d{4}_from_(\d{4})")


@cache
def known_versions() -> tuple[str, ...]:
    """Return the versions that this code knows, the one that it needs last."""
    files = sorted(MIGRATIONS.glob("versions/[0-9]*.py"))
    return tuple(version for file in files for version in _REVISION.findall(file.read_text()))


def require_current(database: Database) -> None:
    """Refuse a ledger whose tables this code cannot work on.

    Raises:
        ConfigurationError: the ledger must be upgraded first, or this code.
        LedgerUnavailable: the database does not answer.
    """
    with database.reading() as connection:
        version = version_of(connection)
    if version is not None and version not in known_versions():
        refuse_unusable(version)
    elif version != known_versions()[-1]:
        state = f"is at version {version}" if version else "has no tables yet"
        raise ConfigurationError(
            f"The ledger (ORDERS_SYNC_LEDGER_URL) {state}, and this version needs "
            f"{known_versions()[-1]}. Run: orders-sync db upgrade"
        )


def is_open(database: Database) -> bool:
    """Close the ledger to this process while its tables are a later version's; return whether.

    This code may not work on them, nor judge what is there, so all of it waits. They may become
    usable again, where a backup is restored.

    Raises:
        LedgerUnavailable: the database does not answer.
    """
    with database.reading(though_closed=True) as connection:
        version = own_version(connection)
    is_usable = version is None or version in known_versions() or _works_beside(version)
    database.closed_because = None if is_usable else _unusable(str(version))
    return is_usable


def refuse_unusable(version: str) -> None:
    """Refuse a later version.

    Raises:
        ConfigurationError: it does not say that this code may work on its tables.
    """
    if not _works_beside(version):
        raise ConfigurationError(_unusable(version))


def version_of(connection: sa.Connection) -> str | None:
    """Return the version that the tables have; None where there are none."""
    return own_version(connection) or _earlier_version(connection)


def own_version(connection: sa.Connection) -> str | None:
    """Return the version that the ledger's own table tells; None where there is no such table."""
    versions = _versions_in(connection, VERSION_TABLE)
    return versions[0] if versions else None


def _works_beside(version: str) -> bool:
    """Check whether a later version says that this code may work on its tables."""
    oldest = _LATER.fullmatch(version)
    return oldest is not None and known_versions()[-1][:4] >= oldest[1]


def _unusable(version: str) -> str:
    return (
        f"The ledger (ORDERS_SYNC_LEDGER_URL) is at version {version}, which this version of "
        "orders-sync does not know. Install the version that upgraded it, or a later one."
    )


def _earlier_version(connection: sa.Connection) -> str | None:
    """Return the version of a ledger that keeps it in `alembic_version`, as releases to 0006 do."""
    inspector = sa.inspect(connection)
    for table, columns in _FIRST_TABLES.items():
        if not inspector.has_table(table):
            return None
        if not columns <= {column["name"] for column in inspector.get_columns(table)}:
            return None
    versions = _versions_in(connection, EARLIER_TABLE)
    return versions[0] if len(versions) == 1 else None


def _versions_in(connection: sa.Connection, table: str) -> Sequence[str]:
    if not sa.inspect(connection).has_table(table):
        return ()
    versions = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(table))
    return connection.execute(versions).scalars().all()
