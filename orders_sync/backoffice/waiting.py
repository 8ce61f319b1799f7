"""Waiting for outcomes of commands: one query of the ledger serves all who wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from orders_sync.domain.rules import OPEN, Standing
from orders_sync.ledger import Ledger

_QUERY_EVERY_SECONDS: Final = 0.25
#: Each wait keeps a call open, and a process has a bounded number of calls.
MOST_WAITING: Final = 500


class Outcomes:
    """Waits for the outcomes of commands; each event loop has one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._awaited: Counter[str] = Counter()
        self._query: asyncio.Task[Mapping[str, Standing | None]] | None = None

    @property
    def has_room(self) -> bool:
        """Whether one more may wait."""
        return self._awaited.total() < MOST_WAITING

    async def wait(self, command_id: str, *, seconds: float) -> Mapping[str, Any] | None:
        """Return a command's row once it is at its end or parked, or when the time is over.

        None where it is missing, since its order was forgotten.

        Raises:
            LedgerUnavailable: the ledger does not answer.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        self._awaited[command_id] += 1
        try:
            is_open = True
            while is_open and clock() < until:
                standings = await self._next_query()
                # A query that had begun before this wait does not include its command.
                is_open = standings.get(command_id, Standing.ACTIVE) in OPEN
        finally:
            self._awaited[command_id] -= 1
        return await asyncio.to_thread(self._ledger.inquiries.command, command_id)

    async def _next_query(self) -> Mapping[str, Standing | None]:
        if self._query is None or self._query.done():
            self._query = asyncio.create_task(self._query_all())
        # A caller that gives up does not cancel the query of the others.
        return await asyncio.shield(self._query)

    async def _query_all(self) -> Mapping[str, Standing | None]:
        await asyncio.sleep(_QUERY_EVERY_SECONDS)
        self._awaited = +self._awaited
        ids = list(self._awaited)
        standings = await asyncio.to_thread(self._ledger.inquiries.standings, ids)
        return {command_id: standings.get(command_id) for command_id in ids}
