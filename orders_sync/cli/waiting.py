"""Waits for what becomes of a command: for `--wait`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from orders_sync.domain.rules import OPEN
from orders_sync.ledger import Ledger

_LOOK_EVERY_SECONDS: Final = 0.25


def wait_for_end(
    ledger: Ledger,
    command_id: str,
    *,
    patience: timedelta,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:
    """Return a command's row once it is at its end or parked, or when the patience is over."""
    until = clock() + patience.total_seconds()
    while True:
        row = ledger.inquiries.command(command_id)
        if row is None:
            # A person had its order forgotten meanwhile.
            return {"standing": None, "outcome": None, "cause": None, "reason": None}
        if row["standing"] not in OPEN or clock() >= until:
            return row
        pause(_LOOK_EVERY_SECONDS)
