"""The database of the staging tables: how it is opened, prepared and checked.

On SQLite a transaction takes the write lock when it begins, so that two processes that prepare or
write at the same time wait for each other instead of failing.
https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-transactional-ddl
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from orders_sync.database_engines import is_mysql, is_postgresql, mysql_engine, postgresql_engine
from orders_sync.erp.shared_engines import SharedEngines
from orders_sync.erp.staging_tables import METADATA
from orders_sync.erp.staging_text import fit_texts
from orders_sync.errors import ConfigurationError

_LOCK_SECONDS: Final = 10.0
_POOL_SECONDS: Final = 10.0

#: How many connections of a process to one database there may be, and wait open to all together.
CONNECTIONS: Final = 10
IDLE_CONNECTIONS: Final = 30

#: An adapter is made from its account's options alone, so those of a process meet here.
_ENGINES: Final = SharedEngines(idle=IDLE_CONNECTIONS)


def open_engine(url: str | URL, connections: int = CONNECTIONS) -> Engine:
    """Return the process's engine for a database URL, without connecting.

    It has `connections` at most, and is closed by `close_engine`.

    Raises:
        ConfigurationError: The URL cannot be used; the message does not repeat it.
    """
    return _ENGINES.open(_parse(url), connections, _create_fitting)


def close_engine(engine: Engine) -> None:
    """Close an engine for one of the accounts that opened it."""
    _ENGINES.close(engine)


def _create_fitting(url: URL, connections: int) -> Engine:
    engine = _create(url, connections)
    fit_texts(engine)
    return engine


def _create(url: URL, connections: int) -> Engine:
    kept = (connections + 1) // 2
    options: dict[str, Any] = {
        "pool_size": kept,
        "max_overflow": connections - kept,
        "pool_timeout": _POOL_SECONDS,
        "hide_parameters": True,
    }
    try:
        if url.get_backend_name() == "sqlite":
            return _create_sqlite(url, options)
        if is_postgresql(url):
            return postgresql_engine(url, setting="url", **options)
        if is_mysql(url):
            return mysql_engine(url, setting="url", **options)
        return create_engine(url, pool_pre_ping=True, **options)
    except ImportError as error:
        raise ConfigurationError(
            f"url needs the Python package {error.name}, which is not installed"
        ) from None
    except ArgumentError:
        raise ConfigurationError(
            f"url names a kind of database that SQLAlchemy does not know: {url.drivername}"
        ) from None


def create_tables(engine: Engine) -> None:
    """Create what is missing of the staging tables; safe while others do the same."""
    for table in METADATA.sorted_tables:
        try:
            METADATA.create_all(engine, tables=[table])
        except DBAPIError:
            # Where databases do not lock the catalogue, the other process has created it by now.
            METADATA.create_all(engine, tables=[table])


def missing_columns(connection: Connection) -> list[str]:
    """List the columns, as `table.column`, that the database's staging tables lack."""
    return [
        f"{table.name}.{name}"
        for table in METADATA.sorted_tables
        for name in _lacking(table, connection)
    ]


def _parse(url: str | URL) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "url is no database URL such as postgresql://user:password@host/database"
        ) from None


def _create_sqlite(url: URL, options: dict[str, Any]) -> Engine:
    if url.host:
        raise ConfigurationError(
            "url has a host, and a file of SQLite's comes after three slashes, such as "
            "sqlite:////srv/orders/erp.sqlite3"
        )
    name = url.database or ":memory:"
    if ":memory:" in name or "mode=memory" in name or url.query.get("mode") == "memory":
        raise ConfigurationError(
            "url names a database in memory, which no other process sees; name a file, such as "
            "sqlite:////srv/orders/erp.sqlite3"
        )
    engine = create_engine(url, connect_args={"timeout": _LOCK_SECONDS}, **options)
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
