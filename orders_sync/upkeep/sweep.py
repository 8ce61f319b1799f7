"""Puts back on its queue whatever the ledger says is due, or was left by a worker that died."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger

log = structlog.get_logger(__name__)

_LOT = 200
_MOST_LOTS = 10

#: The broker's own message of a short wait comes first; the sweep stands in where it was lost.
_GRACE = timedelta(seconds=3)


def sweep(*, ledger: Ledger, clock: Clock, dispatch: Callable[[Dispatch], None]) -> int:
    """Dispatch due orders and commands, the longest due first; give their number.

    Bounded, so that a sweep ends before the next one: what is left is due then too.
    """
    swept = 0
    for take_due in (ledger.commands.take_due, ledger.orders.take_due):
        for _ in range(_MOST_LOTS):
            due = take_due(now=clock(), grace=_GRACE, limit=_LOT)
            for following in due:
                dispatch(following)
            swept += len(due)
            if len(due) < _LOT:
                break
    if swept:
        log.info("sweep.done", steps=swept)
    return swept
