"""Turns of chores, as a worker that ran them leaves them in the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta

from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore, TurnResult
from orders_sync.worker.schedule import QUICK_LEASE


def leave_poll(
    ledger: Ledger,
    account: str,
    *,
    at: datetime,
    due_in: float = 1.0,
    succeeded: bool = True,
    failure: str | None = None,
) -> None:
    """Leave a poll in the ledger that began and ended at a time."""
    turn = ledger.accounts.claim_one(account, Chore.POLL, now=at, lease=QUICK_LEASE)
    assert turn is not None, f"the feed of {account} is being polled"
    ending = TurnResult(
        turn,
        due_at=at + timedelta(seconds=due_in),
        ran_at=at,
        seconds=0.0,
        succeeded_at=at if succeeded else None,
        failure=failure,
    )
    ledger.accounts.end([ending])
