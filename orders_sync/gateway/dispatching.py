"""Tells the broker of what was accepted, from a thread of its own: no caller waits for a broker."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from orders_sync.domain.steps import Dispatch

log = structlog.get_logger(__name__)

#: What is beyond is left to the workers, who find it in the ledger.
_MOST_WAITING: Final = 1000
_MOST_AT_ONCE: Final = 100


class Dispatching:
    """Takes steps at once, and sends them in lots."""

    def __init__(self, send: Callable[[Sequence[Dispatch]], None]) -> None:
        self._send = send
        self._steps: queue.Queue[Dispatch | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="dispatching", daemon=True)
        self._thread.start()

    def __call__(self, step: Dispatch) -> None:
        """Have a step sent soon; the ledger brings it back where it is not."""
        with suppress(queue.Full):
            self._steps.put_nowait(step)

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most."""
        with suppress(queue.Full):
            self._steps.put_nowait(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            lot = [self._steps.get()]
            with suppress(queue.Empty):
                while len(lot) < _MOST_AT_ONCE:
                    lot.append(self._steps.get_nowait())
            try:
                self._send([step for step in lot if step is not None])
            except Exception as error:
                log.exception("dispatching.failed", cause=type(error).__name__)
            if None in lot:
                return
