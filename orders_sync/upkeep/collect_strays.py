"""Moves messages that no task could take from the broker into the ledger.

Their bodies may be personal, which the broker must not keep, and people look into the ledger.
"""

from __future__ import annotations

from typing import Final

import structlog

from orders_sync.broker.strays import Stray, Strays
from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger

log = structlog.get_logger(__name__)

#: As many bodies are held in memory at a time.
_LOT: Final = 20
_MOST_LOTS: Final = 50


def collect_strays(*, broker: Strays, ledger: Ledger, clock: Clock) -> int:
    """Record strays in the ledger, and only then delete them from the broker; give how many.

    Where a process dies in between, the next run meets the same ids and deletes what is known.
    How many the broker had to drop is kept too.
    """
    ledger.strays.note_dropped(broker.dropped, now=clock())

    def record(stray: Stray) -> None:
        ledger.strays.record(
            stray.id,
            arrived_at=stray.when,
            queue=stray.queue,
            reason=stray.reason,
            name=stray.name,
            body=stray.body,
        )

    collected = 0
    for _ in range(_MOST_LOTS):
        if not len(broker):
            break
        collected += broker.collect(record, limit=_LOT)
    if collected:
        log.warning("strays.collected", strays=collected)
    return collected
