"""Brings the ledger's database to the version that this code needs, and knows later ones apart.

A migration's version says which code may work beside it: code that needs version 0007 or later
works on the tables of `0009_from_0007`. One without `_from_` is for code that knows it.
"""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from orders_sync.errors import ConfigurationError
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import metadata

#: Alembic's own name, `alembic_version`, may be another program's in the same database.
VERSION_TABLE: Final = "orders_sync_version"

#: Columns by which the ledger's first tables are told from another program's of the same names.
_FIRST_TABLES: Final = {
    "cursors": {"account", "name", "lease_until"},
    "documents": {"account", "order_id", "read_at"},
    "events": {"account", "identity", "deliveries"},
    "journal": {"account", "at", "what"},
    "orders": {"account", "order_id", "progress", "standing"},
}

_LATER: Final = re.compile(r"\d{4}_from_(\d{4})")

#: Names the one lock that PostgreSQL keeps for processes that migrate at the same time.
_POSTGRESQL_LOCK = 7_236_194
_TABLE_LOCK_SECONDS = 10


def upgrade(url: str) -> str:
    """Create the ledger's tables or bring them up to date; give the version they have now.

    Processes that upgrade at the same time take turns. Tables of a later version that this code
    may work on stay as they are.

    Raises:
        ConfigurationError: `url` is not a database that can be opened, a newer version of this
            package has upgraded it, or its tables are another program's.
        LedgerUnavailable: the database does not answer.
    """
    # An index of millions of rows takes its time, and so does whoever came first.
    database = Database(url, seconds=math.inf)
    config = _config()
    try:
        with database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
                # Whoever waits long for a table has all others queue behind it.
                connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_SECONDS}s'"))
            version = _version(connection)
            if version is not None and version not in _known():
                _refuse_unusable(version)
                return version
            if version is None:
                _refuse_foreign_tables(connection)
            elif _own_version(connection) is None:
                _move_version(config, connection, version)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return _head(config)
    finally:
        database.close()


def require_current(database: Database) -> None:
    """Refuse a ledger whose tables this code cannot work on.

    Raises:
        ConfigurationError: the ledger must be upgraded first, or this code.
        LedgerUnavailable: the database does not answer.
    """
    head = _head(_config())
    with database.reading() as connection:
        found = _version(connection)
    if found is not None and found not in _known():
        _refuse_unusable(found)
    elif found != head:
        state = f"is at version {found}" if found else "has no tables yet"
        raise ConfigurationError(
            f"The ledger (ORDERS_SYNC_LEDGER_URL) {state}, and this version needs {head}. "
            "Run: orders-sync db upgrade"
        )


def is_open(database: Database) -> bool:
    """Close the ledger to this process while its tables are a later version's; return whether.

    This code may not work on them, nor judge what is there, so all of it waits. They may become
    usable again, where a backup is restored.

    Raises:
        LedgerUnavailable: the database does not answer.
    """
    with database.reading(though_closed=True) as connection:
        found = _own_version(connection)
    is_usable = found is None or found in _known() or _works_beside(found)
    database.closed_because = None if is_usable else _unusable(str(found))
    return is_usable


def _refuse_unusable(found: str) -> None:
    if not _works_beside(found):
        raise ConfigurationError(_unusable(found))


def _works_beside(found: str) -> bool:
    """Check whether a later version says that this code may work on its tables."""
    oldest = _LATER.fullmatch(found)
    return oldest is not None and _head(_config())[:4] >= oldest[1]


def _unusable(found: str) -> str:
    return (
        f"The ledger (ORDERS_SYNC_LEDGER_URL) is at version {found}, which this version of "
        "orders-sync does not know. Install the version that upgraded it, or a later one."
    )


def _version(connection: sa.Connection) -> str | None:
    """Return the version that the tables have; None where there are none."""
    return _own_version(connection) or _earlier_version(connection)


@cache
def _known() -> frozenset[str]:
    return frozenset(
        each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()
    )


def _own_version(connection: sa.Connection) -> str | None:
    return _versions(connection).get_current_revision()


def _versions(connection: sa.Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


def _earlier_version(connection: sa.Connection) -> str | None:
    """Return the version of a ledger that keeps it in `alembic_version`, as releases to 0006 do."""
    inspector = sa.inspect(connection)
    for table, columns in _FIRST_TABLES.items():
        if not inspector.has_table(table):
            return None
        if not columns <= {column["name"] for column in inspector.get_columns(table)}:
            return None
    heads = MigrationContext.configure(connection).get_current_heads()
    return heads[0] if len(heads) == 1 else None


def _move_version(config: Config, connection: sa.Connection, version: str) -> None:
    _versions(connection).stamp(ScriptDirectory.from_config(config), version)
    connection.execute(sa.text("DROP TABLE alembic_version"))


def _refuse_foreign_tables(connection: sa.Connection) -> None:
    foreign = metadata.tables.keys() & set(sa.inspect(connection).get_table_names())
    if foreign:
        raise ConfigurationError(
            "The database of ORDERS_SYNC_LEDGER_URL has tables of the ledger's names that are "
            f"another program's: {', '.join(sorted(foreign))}. Nothing was changed. Give the "
            "ledger a database of its own: CREATE DATABASE orders_sync"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _head(config: Config) -> str:
    """Return the version that this code needs."""
    return ScriptDirectory.from_config(config).get_current_head() or ""
