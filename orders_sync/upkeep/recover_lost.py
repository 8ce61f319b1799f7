"""Finds out that the broker has lost all it held, and has all of it put there again."""

from __future__ import annotations

from typing import Any, Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger

log = structlog.get_logger(__name__)

#: A key that is kept in the broker for ever: where it is missing, so are the messages.
MARK: Final = "orders_sync.swept"


def recover_lost(*, broker: Any, ledger: Ledger, clock: Clock) -> int:
    """Make the work due whose messages were in a broker that came back empty; give its number.

    `broker` is a Redis client. The key is set last, so that whoever dies between does not hide the
    loss.
    """
    if broker.exists(MARK):
        return 0
    lost = ledger.undelivered.lost(now=clock())
    broker.set(MARK, 1)
    if lost:
        log.warning("broker.was_empty", steps=lost)
    return lost
