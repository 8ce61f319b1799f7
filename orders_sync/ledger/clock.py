"""The clock that all processes go by: the ledger's own, whatever their machines' show."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from orders_sync.domain.time import Clock, since_boot
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.engine import Database

_ASK_EVERY_SECONDS: Final = 15.0
#: An answer that took longer does not say well enough what time it is.
_PROMPT_SECONDS: Final = 0.5


class LedgerClock:
    """A clock that shows the present instant as the ledger's database has it.

    Leases and due times are set by one process and compared by another: where their machines'
    clocks differ by more than a lease, one would take work from the other while it is busy with
    it. The database is asked now and then, and time is counted in between. While it is away the
    last answer holds, and before the first one `own`.
    """

    def __init__(
        self, database: Database, *, own: Clock, counter: Callable[[], float] = since_boot
    ) -> None:
        self._database = database
        self._own = own
        self._counter = counter
        self._asking = threading.Lock()
        self._asked_at = -_ASK_EVERY_SECONDS
        self._known: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Return the instant, aware and in UTC."""
        if self._is_due() and self._asking.acquire(blocking=self._known is None):
            try:
                if self._is_due():
                    self._ask()
            finally:
                self._asking.release()
        if self._known is None:
            return self._own()
        at, counted = self._known
        return at + timedelta(seconds=self._counter() - counted)

    def _is_due(self) -> bool:
        return self._counter() - self._asked_at >= _ASK_EVERY_SECONDS

    def _ask(self) -> None:
        before = self._counter()
        try:
            at = self._read()
        except LedgerUnavailable:
            return
        finally:
            self._asked_at = after = self._counter()
        if after - before <= _PROMPT_SECONDS or self._known is None:
            self._known = at, (before + after) / 2

    def _read(self) -> datetime:
        at = server_time(self._database)
        if at is not None:
            return at
        # A file has its machine's clock, which every process on it shares.
        question = sa.select(sa.func.strftime("%Y-%m-%d %H:%M:%f", "now"))
        with self._database.reading() as connection:
            text: str = connection.execute(question).scalar_one()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)


def server_time(database: Database) -> datetime | None:
    """Return the database server's time; None for SQLite, which has none of its own."""
    if database.engine.dialect.name == "sqlite":
        return None
    with database.reading() as connection:
        at: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return at.astimezone(UTC)
