"""Brings the ledger's database to the version that this code needs."""

from __future__ import annotations

import math

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from orders_sync.errors import ConfigurationError
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import metadata
from orders_sync.ledger.versions import (
    EARLIER_TABLE,
    MIGRATIONS,
    VERSION_TABLE,
    known_versions,
    own_version,
    refuse_unusable,
    version_of,
)

#: Names the one lock that PostgreSQL keeps for processes that migrate at the same time.
_POSTGRESQL_LOCK = 7_236_194
_TABLE_LOCK_SECONDS = 10


def upgrade(url: str) -> str:
    """Create the ledger's tables or bring them up to date; return the version they have now.

    Processes that upgrade at the same time take turns. Tables of a later version that this code
    may work on stay as they are.

    Raises:
        ConfigurationError: `url` is not a database that can be opened, a newer version of this
            package has upgraded it, or its tables are another program's.
        LedgerUnavailable: the database does not answer.
    """
    # An index of millions of rows takes its time, and so does the process that came first.
    database = Database(url, seconds=math.inf)
    config = _config()
    try:
        with database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
                # A statement that waits long for a table makes all others queue behind it.
                connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_TABLE_LOCK_SECONDS}s'"))
            version = version_of(connection)
            if version is not None and version not in known_versions():
                refuse_unusable(version)
                return version
            if version is None:
                _refuse_foreign_tables(connection)
            elif own_version(connection) is None:
                _move_version(config, connection, version)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return known_versions()[-1]
    finally:
        database.close()


def _move_version(config: Config, connection: sa.Connection, version: str) -> None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    context.stamp(ScriptDirectory.from_config(config), version)
    connection.execute(sa.text(f"DROP TABLE {EARLIER_TABLE}"))


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
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
