"""Records what hooks tell, in lots: all that wait for the ledger share a transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.problems import ProblemError

HookEvent = OrderEvent | UnreadableEvent

#: Posts of an account that may wait for the ledger at once.
MOST_WAITING: Final = 300
_MOST_AT_ONCE: Final = 100

#: VTEX gives up after five seconds.
_PATIENCE_SECONDS: Final = 4.0


class HookIntake:
    """Takes events at once and has them recorded, one account after the other.

    `record` writes the events of one account, and may block. All of it is of one event loop.
    """

    def __init__(self, record: Callable[[str, Sequence[HookEvent]], None]) -> None:
        self._record = record
        self._waiting: dict[str, deque[tuple[HookEvent, asyncio.Future[None]]]] = {}
        self._writer: asyncio.Task[None] | None = None

    async def take(self, account: str, event: HookEvent) -> None:
        """Return once the event is in the ledger.

        Raises:
            ProblemError: too many wait already.
            LedgerUnavailable: the ledger did not take it, or not in time.
        """
        waiting = self._waiting.setdefault(account, deque())
        if len(waiting) >= MOST_WAITING:
            raise ProblemError(
                503, "hook.too_many", "Too many posts wait; post it again.", {"Retry-After": "1"}
            )
        recorded = asyncio.get_running_loop().create_future()
        waiting.append((event, recorded))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait_for(recorded, _PATIENCE_SECONDS)
        except TimeoutError:
            raise LedgerUnavailable("The ledger did not answer in time.", 1.0) from None

    async def _write(self) -> None:
        while self._waiting:
            account, waiting = next(iter(self._waiting.items()))
            lot = [waiting.popleft() for _ in range(min(len(waiting), _MOST_AT_ONCE))]
            del self._waiting[account]
            if waiting:
                self._waiting[account] = waiting  # Behind the others.
            await self._write_lot(account, lot)

    async def _write_lot(
        self, account: str, lot: Sequence[tuple[HookEvent, asyncio.Future[None]]]
    ) -> None:
        error: Exception | None = None
        try:
            await asyncio.to_thread(self._record, account, [event for event, _ in lot])
        except LedgerUnavailable as away:
            # Nobody else need wait to learn it.
            lot = [*lot, *(each for waiting in self._waiting.values() for each in waiting)]
            self._waiting.clear()
            error = away
        except Exception as unexpected:  # noqa: BLE001 - Its caller is told, and logs it.
            if len(lot) > 1:
                for each in lot:
                    await self._write_lot(account, [each])
                return
            error = unexpected
        for _, recorded in lot:
            if not recorded.done():
                if error:
                    recorded.set_exception(error)
                else:
                    recorded.set_result(None)
