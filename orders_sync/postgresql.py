"""Engines for PostgreSQL, with psycopg 3 as the driver and an end to every wait."""

from __future__ import annotations

import math
from typing import Any, Final

import sqlalchemy as sa

from orders_sync.errors import ConfigurationError

#: All of these mean psycopg 3; the first is how Heroku and others write it.
_DRIVERS: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})

#: A statement may take this long.
STATEMENT_SECONDS: Final = 20.0
#: A server that has said nothing for this many times as long is given up.
_SILENCE: Final = 1.5
_CONNECT_SECONDS: Final = 5
_IDLE_SECONDS: Final = 30

#: A dead network is noticed in these times, also where nothing is sent.
#: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-KEEPALIVES
_CONNECTION: Final[dict[str, Any]] = {
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
    """Say whether a URL names PostgreSQL, however its driver is written."""
    return url.drivername in _DRIVERS


def is_pooled(connection: sa.Connection) -> bool:
    """Return whether a pooler is between a connection of ours and its server."""
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
    args = {key: value for key, value in _CONNECTION.items() if key not in url.query}
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
        # Whoever is stopped within a transaction must not hold its locks for ever.
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
