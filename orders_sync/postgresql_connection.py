"""A connection to PostgreSQL that waits and tells within bounds; needs the extra `postgres`."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any

import psycopg

#: The class of errors whose very first line quotes the value.
#: https://www.postgresql.org/docs/current/errcodes-appendix.html
_DATA = "22"


class BoundedConnection(psycopg.Connection[Any]):
    """Gives itself up where the server is silent, which no bound on the server's side can do.

    A server whose disk hangs, or that is stopped, neither answers nor closes the connection. Its
    errors name tables and constraints, and repeat no values.
    """

    silence_seconds = math.inf

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
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the server is silent")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


def _without_values(error: psycopg.Error) -> str:
    """Word an error without the row that it is about, which may be personal."""
    if (error.sqlstate or "").startswith(_DATA):
        return f"a value does not fit ({error.sqlstate})"
    return error.diag.message_primary or str(error)


def connect(*args: Any, silence_seconds: float, **named: Any) -> BoundedConnection:
    """Connect; waits of the connection that is given end after `silence_seconds`."""
    connection = BoundedConnection.connect(*args, **named)
    connection.silence_seconds = silence_seconds
    return connection
