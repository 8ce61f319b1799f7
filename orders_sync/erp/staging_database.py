"""The database of the staging tables: how it is opened, prepared and checked.

On SQLite a transaction takes the write lock when it begins, so that two processes that prepare or
write at the same time wait for each other instead of failing.
https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-transactional-ddl
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
)

from orders_sync.erp.staging_tables import METADATA
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable
from orders_sync.postgresql import is_postgresql, postgresql_engine

_LOCK_SECONDS: Final = 10.0

#: A driver raises the latter two for a number or a text that its database has no form for.
_FAILURES: Final = (SQLAlchemyError, OverflowError, UnicodeError)


def open_engine(url: str | URL) -> Engine:
    """Make the engine for a database URL, without connecting.

    Raises:
        ConfigurationError: The URL cannot be used; the message does not repeat it.
    """
    parsed = _parse(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed)
        if is_postgresql(parsed):
            return postgresql_engine(parsed, setting="url", hide_parameters=True)
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    except ImportError as error:
        raise ConfigurationError(
            f"url needs the Python package {error.name}, which is not installed"
        ) from None
    except ArgumentError:
        raise ConfigurationError(
            f"url names a kind of database that SQLAlchemy does not know: {parsed.drivername}"
        ) from None


def create_tables(engine: Engine) -> None:
    """Create what is missing of the staging tables; safe while others do the same."""
    try:
        METADATA.create_all(engine)
    except DBAPIError:
        # Where databases do not lock the catalogue, the other process has them created by now.
        METADATA.create_all(engine)


def missing_columns(connection: Connection) -> list[str]:
    """List the columns, as `table.column`, that the database's staging tables lack."""
    return [
        f"{table.name}.{name}"
        for table in METADATA.sorted_tables
        for name in _lacking(table, connection)
    ]


@contextmanager
def explained() -> Iterator[None]:
    """Raise what a failed statement means in place of what the database or its driver raises.

    Raises:
        ErpRefused: a value does not fit into the tables.
        ErpUnavailable: the database is away, too slow or locked.
    """
    try:
        yield
    except _FAILURES as error:
        raise _explain(error) from None


def _explain(error: Exception) -> ErpRefused | ErpUnavailable:
    """Return a refusal where the error is about the row, else that the database is away.

    A database's own message may repeat the row, so only the kind of the error is told.
    """
    origin = error.orig if isinstance(error, DBAPIError) and error.orig else error
    kind = getattr(origin, "sqlite_errorname", None) or type(origin).__name__
    if isinstance(error, (IntegrityError, DataError, OverflowError, UnicodeError)):
        return ErpRefused(
            f"The staging tables cannot hold a value of this order ({kind}).",
            hint="Compare the order in VTEX with the columns' types in docs/staging-tables.md.",
        )
    return ErpUnavailable(f"The staging database did not do what it was asked ({kind}).")


def _parse(url: str | URL) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "url is no database URL such as postgresql://user:password@host/database"
        ) from None


def _open_sqlite(url: URL) -> Engine:
    name = url.database or ":memory:"
    if ":memory:" in name or "mode=memory" in name or url.query.get("mode") == "memory":
        raise ConfigurationError(
            "url names a database in memory, which no other process sees; name a file, such as "
            "sqlite:////srv/orders/erp.sqlite3"
        )
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _LOCK_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # SQLite takes bytes of any encoding as text; one such row must not make all unreadable.
    connection.text_factory = lambda text: text.decode(errors="replace")
    # The mode is the file's: if it is locked, another process is setting the same one right now.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL").close()


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _lacking(table: Table, connection: Connection) -> list[str]:
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    return [column.name for column in table.columns if column.name not in present]
