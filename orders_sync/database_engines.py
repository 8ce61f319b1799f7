"""Engines for PostgreSQL and MySQL with an end to every wait, and for reading SQLite files.

An SQLite file is read without a trace: nothing is made or changed, also beside it. The engine that
writes the ledger's own file is in `ledger.engine`. MySQL stands for MariaDB too.
"""

from __future__ import annotations

import math
import os
import sqlite3
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.errors import ConfigurationError

_CONNECT_SECONDS: Final = 5

#: All of these mean psycopg 3; the first is how Heroku and others write it.
_PSYCOPG: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})

#: A statement may take this long.
STATEMENT_SECONDS: Final = 20.0
#: A server that has said nothing for this many times as long is given up.
_SILENCE: Final = 1.5
_IDLE_SECONDS: Final = 30

#: A dead network is noticed in these times, also where nothing is sent.
#: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-KEEPALIVES
_POSTGRESQL_ARGS: Final[dict[str, Any]] = {
    "connect_timeout": _CONNECT_SECONDS,
    "application_name": "orders_sync",
    # What a server in SQL_ASCII says is bytes to the driver otherwise.
    "client_encoding": "utf8",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def is_postgresql(url: sa.URL) -> bool:
    """Check whether a URL names PostgreSQL, however its driver is written."""
    return url.drivername in _PSYCOPG


def is_pooled(connection: sa.Connection) -> bool:
    """Check whether a pooler is between a connection of ours and its server."""
    return bool(getattr(connection.connection.driver_connection, "is_pooled", False))


def postgresql_engine(
    url: sa.URL, *, setting: str, seconds: float = STATEMENT_SECONDS, **pool: Any
) -> sa.Engine:
    """Make an engine without connecting; `seconds` bounds each statement, `inf` none.

    What the URL's query says wins over the defaults here.

    Raises:
        ConfigurationError: the driver is missing; the message begins with `setting`.
    """
    threshold, own_options = (_text(url, name) for name in ("prepare_threshold", "options"))
    plain = url.set(drivername="postgresql+psycopg").difference_update_query(
        ["options", "prepare_threshold"]
    )
    args = {key: value for key, value in _POSTGRESQL_ARGS.items() if key not in url.query}
    if threshold:
        args["prepare_threshold"] = int(threshold) if threshold.isdigit() else None
    try:
        engine = sa.create_engine(
            plain,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args=args,
            **pool,
        )
    except ImportError:
        raise ConfigurationError(
            f"{setting} names PostgreSQL, whose driver is not installed. "
            "Run: pip install 'orders-sync[postgres]'"
        ) from None
    _bound_waits(
        engine,
        _bounds(seconds),
        options=own_options,
        silence_seconds=seconds * _SILENCE,
        setting=setting,
    )
    return engine


def _text(url: sa.URL, name: str) -> str:
    value = url.query.get(name, "")
    return value if isinstance(value, str) else " ".join(value)


def _bounds(seconds: float) -> dict[str, str]:
    return {
        "statement_timeout": _milliseconds(seconds),
        # A transaction that waits for a lock gives up before its statement would.
        "lock_timeout": _milliseconds(seconds / 2),
        # A process that is stopped within a transaction must not hold its locks for ever.
        "idle_in_transaction_session_timeout": str(_IDLE_SECONDS * 1000),
        "timezone": "UTC",
        # Every statement reads a few rows; to compile one takes longer than to run it.
        "jit": "off",
    }


def _milliseconds(seconds: float) -> str:
    """Return PostgreSQL's figure, where nought is no bound."""
    return "0" if math.isinf(seconds) else str(max(1, round(seconds * 1000)))


def _bound_waits(engine: sa.Engine, bounds: dict[str, str], **connector: Any) -> None:
    from orders_sync.postgresql_connection import Connector  # noqa: PLC0415 -- needs the extra

    bounded = Connector(bounds, **connector)

    @sa.event.listens_for(engine, "do_connect")
    def _connect(_dialect: sa.Dialect, _record: Any, args: Any, named: dict[str, Any]) -> Any:
        return bounded.connect(*args, **named)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        bounded.set_bounds(driver)


#: The driver of a URL of MySQL's that names none, and of the extra `mysql`.
_PYMYSQL: Final = "pymysql"

#: A statement may take this long; whatever is silent for longer is given up, and closed. A call
#: may meet two such silences: of a connection that waited open, and of the one in its place.
_SILENT_SECONDS: Final = 12
#: Firewalls forget what is idle for some minutes; a connection is closed before that.
_RECYCLE_SECONDS: Final = 180

#: The drivers of MySQL that have these time-outs.
_MYSQL_DRIVERS: Final = frozenset({_PYMYSQL, "mysqldb", "mariadbconnector"})
_TIME_OUTS: Final = {
    "connect_timeout": _CONNECT_SECONDS,
    "read_timeout": _SILENT_SECONDS,
    "write_timeout": _SILENT_SECONDS,
}

#: Waits for locks end before the statement is given up. Who is silent within a transaction gives
#: its locks back, where the server can see to it, and the connection in any case: a network that
#: forgets leaves the server waiting too. A value that does not fit is refused instead of cut, also
#: where the server's own mode is lax.
#: https://mariadb.com/kb/en/comment-syntax/#executable-comment-syntax
_MYSQL_SESSION: Final = """
SET SESSION innodb_lock_wait_timeout = 10, lock_wait_timeout = 10, wait_timeout = 600,
/*M!100300 idle_transaction_timeout = 30, */
time_zone = '+00:00',
sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')
"""


def is_mysql(url: sa.URL) -> bool:
    """Check whether a URL names MySQL or MariaDB, with any driver."""
    return url.get_backend_name() in {"mysql", "mariadb"}


def mysql_engine(url: sa.URL, *, setting: str, **pool: Any) -> sa.Engine:
    """Make an engine without connecting.

    What the URL's query says wins over the defaults here.

    Raises:
        ConfigurationError: The driver is missing or has no time-outs; the message begins with
            `setting`.
    """
    if "+" not in url.drivername:
        url = url.set(drivername=f"{url.drivername}+{_PYMYSQL}")
    driver = url.drivername.partition("+")[2]
    ours = f"{url.get_backend_name()}+{_PYMYSQL}://"
    if driver not in _MYSQL_DRIVERS:
        raise ConfigurationError(
            f"{setting} names the driver {driver}, whose waits cannot be bounded. "
            f"Write {ours} instead"
        )
    args: dict[str, Any] = dict(_TIME_OUTS)
    if driver != "mariadbconnector":
        args["charset"] = "utf8mb4"
    try:
        engine = sa.create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_recycle=_RECYCLE_SECONDS,
            connect_args={name: value for name, value in args.items() if name not in url.query},
            **pool,
        )
    except ImportError as error:
        raise ConfigurationError(
            f"{setting} needs the Python package {error.name}, which is not installed. "
            f"Write {ours} and run: pip install 'orders-sync[mysql]'"
        ) from None
    sa.event.listen(engine, "connect", _prepare_session)
    return engine


def _prepare_session(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(_MYSQL_SESSION)
    cursor.close()


_SQLITE_WAIT_SECONDS: Final = 10.0

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
    """Check whether the ledger is a file that is not there; opening it would make an empty one."""
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
            timeout=_SQLITE_WAIT_SECONDS,
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
