"""Engines for MySQL and MariaDB with an end to every wait, for each driver that has time-outs."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from orders_sync.errors import ConfigurationError

#: The driver of a URL that names none, and of the extra `mysql`.
_DRIVER: Final = "pymysql"

_CONNECT_SECONDS: Final = 5
#: A statement may take this long; whatever is silent for longer is given up, and closed. A call
#: may meet two such silences: of a connection that waited open, and of the one in its place.
_SILENT_SECONDS: Final = 12
#: Firewalls forget what is idle for some minutes; a connection is closed before that.
_RECYCLE_SECONDS: Final = 180

#: The drivers that have these time-outs.
_DRIVERS: Final = frozenset({_DRIVER, "mysqldb", "mariadbconnector"})
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
_SESSION: Final = """
SET SESSION innodb_lock_wait_timeout = 10, lock_wait_timeout = 10, wait_timeout = 600,
/*M!100300 idle_transaction_timeout = 30, */
time_zone = '+00:00',
sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')
"""


def is_mysql(url: sa.URL) -> bool:
    """Return whether a URL names MySQL or MariaDB, whichever driver it names."""
    return url.get_backend_name() in {"mysql", "mariadb"}


def mysql_engine(url: sa.URL, *, setting: str, **pool: Any) -> sa.Engine:
    """Make an engine without connecting.

    What the URL's query says wins over the defaults here.

    Raises:
        ConfigurationError: The driver is missing or has no time-outs; the message begins with
            `setting`.
    """
    if "+" not in url.drivername:
        url = url.set(drivername=f"{url.drivername}+{_DRIVER}")
    driver = url.drivername.partition("+")[2]
    ours = f"{url.get_backend_name()}+{_DRIVER}://"
    if driver not in _DRIVERS:
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
    sa.event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(_SESSION)
    cursor.close()
