"""Waits for what becomes of commands: one look at the ledger serves all who wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from orders_sync.domain.rules import OPEN, Standing
from orders_sync.ledger import Ledger

_LOOK_EVERY_SECONDS: Final = 0.25
#: Who waits keeps a call open, and a process has so many of them for all who call.
MOST_WAITING: Final = 500


class Outcomes:
    """Tells what became of commands; an event loop has one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._awaited: Counter[str] = Counter()
        self._look: asyncio.Task[Mapping[str, Standing | None]] | None = None

    @property
    def has_room(self) -> bool:
        """Tell whether one more may wait."""
        return self._awaited.total() < MOST_WAITING

    async def wait(self, command_id: str, *, seconds: float) -> Mapping[str, Any] | None:
        """Return a command's row once it is at its end or parked, or when the time is over.

        None where it is not there, since its order was forgotten.

        Raises:
            LedgerUnavailable: the ledger does not answer.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        self._awaited[command_id] += 1
        try:
            is_open = True
            while is_open and clock() < until:
                standings = await self._next_look()
                # A look that had begun when this one joined says nothing of it.
                is_open = standings.get(command_id, Standing.ACTIVE) in OPEN
        finally:
            self._awaited[command_id] -= 1
        return await asyncio.to_thread(self._ledger.inquiries.command, command_id)

    async def _next_look(self) -> Mapping[str, Standing | None]:
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_at_all())
        # Whoever gives up does not take the look from the others.
        return await asyncio.shield(self._look)

    async def _look_at_all(self) -> Mapping[str, Standing | None]:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
        self._awaited = +self._awaited
        ids = list(self._awaited)
        standings = await asyncio.to_thread(self._ledger.inquiries.standings, ids)
        return {command_id: standings.get(command_id) for command_id in ids}
