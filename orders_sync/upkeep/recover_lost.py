"""Finds out that the broker may have lost messages, and has all of them put there again."""

from __future__ import annotations

from typing import Any, Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.ledger import Ledger

log = structlog.get_logger(__name__)

#: A key in the broker with the server's name for its present run.
MARK: Final = "orders_sync.swept"


def recover_lost(*, broker: Any, ledger: Ledger, clock: Clock) -> int:
    """Make the work due whose messages a broker had that was started anew; give its number.

    It may have come back empty, or without what it had not yet written: with `appendfsync
    everysec` that is up to two seconds, and more where a replica took over.
    https://valkey.io/topics/persistence/

    `broker` is a Redis client. The key is set last, so that whoever dies between does not hide the
    loss.
    """
    run = broker.info("server")["run_id"].encode()
    if broker.get(MARK) == run:
        return 0
    lost = ledger.undelivered.lost(now=clock())
    broker.set(MARK, run)
    if lost:
        log.warning("broker.started_anew", steps=lost)
    return lost
