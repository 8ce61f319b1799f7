"""A connection to PostgreSQL that waits and tells within bounds; needs the extra `postgres`."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from typing import Any, Final

import psycopg

from orders_sync.errors import ConfigurationError

#: The class of errors whose very first line quotes the value.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_DATA = "22"
#: What PgBouncer says about start-up options.
_REFUSED_OPTIONS: Final = "unsupported startup parameter"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives itself up where the server is silent: no bound of its own does.

    A server whose disk hangs, or that is stopped, neither answers nor closes the connection. Its
    errors name tables and constraints, and repeat no values.
    """

    silence_seconds = math.inf
    #: Whether its transactions take turns with others' on the server's sessions.
    is_pooled = False

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **named: Any) -> Any:
        """Wait for an answer, as psycopg does, for a time.

        Raises:
            psycopg.OperationalError: the server was silent; the connection is closed.
        """
        try:
            return super().wait(self._bounded(gen), *args, **named)
        except psycopg.Error as error:
            error.args = (_without_values(error),)
            raise

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        deadline = time.monotonic() + self.silence_seconds
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the server is silent")
                awaited = gen.send(ready)
        except StopIteration as end:
            return end.value


def _without_values(error: psycopg.Error) -> str:
    """Return an error's message without the row that it is about, which may be personal."""
    if (error.sqlstate or "").startswith(_DATA):
        return f"a value does not fit ({error.sqlstate})"
    return error.diag.message_primary or str(error)


class Connector:
    """Connects with `bounds`, the settings of a session, also behind a pooler.

    A pooler that gives a server's session to another client after each transaction (PgBouncer in
    transaction mode, and others) refuses or drops start-up options, and a session's settings and
    prepared statements are somebody else's in the next transaction. So the bounds are set within
    each transaction there, and nothing is prepared. `options` are the URL's own start-up options.
    https://www.pgbouncer.org/features.html
    """

    def __init__(
        self, bounds: Mapping[str, str], *, options: str, silence_seconds: float, setting: str
    ) -> None:
        ours = " ".join(f"-c {name}={value}" for name, value in bounds.items())
        self._startup = f"{ours} {options}".strip()
        self._has_own_options = bool(options)
        self._within = "SELECT " + ", ".join(
            f"set_config('{name}', '{value}', true)" for name, value in bounds.items()
        )
        self._silence_seconds = silence_seconds
        self._setting = setting
        self._refuses_options = False

    def connect(self, *args: Any, **named: Any) -> BoundedConnection:
        """Connect.

        Raises:
            psycopg.Error: The server cannot be reached, or refuses.
            ConfigurationError: A pooler does not pass the URL's own options on.
        """
        connection = self._connect(args, named)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def set_bounds(self, connection: BoundedConnection) -> None:
        """Set the bounds of a transaction that has begun, where its session cannot have them."""
        if connection.is_pooled and not connection.autocommit:
            connection.execute(self._within)

    def _prepare(self, connection: BoundedConnection) -> None:
        connection.silence_seconds = self._silence_seconds
        connection.is_pooled = _is_pooled(connection) or self._refuses_options
        if connection.is_pooled:
            if self._has_own_options:
                raise self._options_are_lost()
            connection.prepare_threshold = None

    def _connect(self, args: tuple[Any, ...], named: dict[str, Any]) -> BoundedConnection:
        if not self._refuses_options:
            try:
                return BoundedConnection.connect(*args, options=self._startup, **named)
            except psycopg.OperationalError as error:
                if _REFUSED_OPTIONS not in str(error):
                    raise
                if self._has_own_options:
                    raise self._options_are_lost() from None
                self._refuses_options = True
        return BoundedConnection.connect(*args, **named)

    def _options_are_lost(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._setting} has options, which the pooler before the database does not pass on. "
            "Leave them out of the URL, and give them to the user: ALTER ROLE ... SET ... = ..."
        )


def _is_pooled(connection: BoundedConnection) -> bool:
    """Return whether the server's process is another one than the connection was told.

    The server is asked to read times in UTC in the same round trip: a pooler keeps the zone of
    each client.
    """
    connection.autocommit = True
    row = connection.execute(
        "SELECT pg_backend_pid(), set_config('TimeZone', 'UTC', false)"
    ).fetchone()
    connection.autocommit = False
    return row is not None and row[0] != connection.info.backend_pid
