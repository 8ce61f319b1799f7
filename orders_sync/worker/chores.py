"""Does chores of accounts in turns that the ledger gave, and says when they are due next."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from orders_sync.domain.time import Clock
from orders_sync.errors import OrdersSyncError, ParkedError, RetryableError, WaitError
from orders_sync.ledger.accounts import Accounts, Ending, Turn
from orders_sync.worker.schedule import Rhythm, pause

log = structlog.get_logger(__name__)

#: After so long the rest of a message's turns is given back, for another worker.
_MOST_TIME: Final = timedelta(seconds=5)

#: Seconds after a failure that names no time itself.
_REST_AFTER_FAILURE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of a chore did.

    `worked` tells whether there was something to do, and `goes_on` whether more is to be done at
    once. A chore that `is_over` is done again when it is woken, and one that `may_rest` as rarely
    as if there had never been anything to do.
    """

    worked: bool = False
    succeeded: bool = True
    goes_on: bool = False
    is_over: bool = False
    may_rest: bool = False


@dataclass(frozen=True, slots=True)
class Chores:
    """What is the same for every turn: where it is kept, and how often the chore is done.

    The chore of an account that `is_left` is left to other processes.
    """

    accounts: Accounts
    rhythm: Rhythm
    clock: Clock
    random: random.Random
    failed: Callable[[Exception], None]
    is_left: Callable[[str], bool] = lambda _: False

    def run(self, turns: Sequence[Turn], work: Callable[[str], Ran]) -> Sequence[str]:
        """Do `work` for the account of each turn; return the accounts to go on with at once.

        An account's error is logged, and stops no other. What there was no time for is given back.
        """
        until = self.clock() + _MOST_TIME
        endings: list[Ending] = []
        going_on: list[str] = []
        left, others = _split(turns, self.is_left)
        try:
            while left and (not endings or self.clock() < until):
                turn = left.pop(0)
                ending, ran = self._run(turn, work)
                endings.append(ending)
                if ran is not None and ran.goes_on:
                    going_on.append(turn.account)
        finally:
            self.accounts.end(endings)
            self.accounts.release([*left, *others])
        return going_on

    def _run(self, turn: Turn, work: Callable[[str], Ran]) -> tuple[Ending, Ran | None]:
        began_at = self.clock()
        with structlog.contextvars.bound_contextvars(account=turn.account):
            try:
                ran = work(turn.account)
            except OrdersSyncError as error:
                self.failed(error)
                # What others refused is in their words, and those belong in the ledger.
                reason = None if isinstance(error, ParkedError) else str(error)
                log.warning("task.failed", cause=type(error).__name__, reason=reason)
                return self._failed(turn, error, began_at), None
        return self._ended(turn, ran, began_at), ran

    def _ended(self, turn: Turn, ran: Ran, began_at: datetime) -> Ending:
        now = self.clock()
        due_at: datetime | None = None
        if ran.goes_on:
            due_at = now
        elif not ran.is_over:
            # From when it was claimed: from its end, each run would miss a tick.
            due_at = max(now, turn.claimed_at + self._pause(turn, now, ran))
        return Ending(
            turn,
            due_at,
            began_at,
            (now - began_at).total_seconds(),
            worked_at=now if ran.worked else None,
            succeeded_at=now if ran.succeeded else None,
        )

    def _failed(self, turn: Turn, error: OrdersSyncError, began_at: datetime) -> Ending:
        now = self.clock()
        if isinstance(error, WaitError):
            rest = timedelta(seconds=error.seconds)
        elif isinstance(error, RetryableError):
            rest = timedelta(seconds=max(error.retry_after or 0.0, _REST_AFTER_FAILURE))
        else:
            rest = self._pause(turn, now, Ran())
        seconds = (now - began_at).total_seconds()
        return Ending(turn, now + rest, began_at, seconds, failure=type(error).__name__)

    def _pause(self, turn: Turn, now: datetime, ran: Ran) -> timedelta:
        since = now if ran.worked else turn.worked_at
        quiet = None if since is None or ran.may_rest else now - since
        return pause(self.rhythm, quiet, draw=self.random.random())


def _split(turns: Sequence[Turn], is_left: Callable[[str], bool]) -> tuple[list[Turn], list[Turn]]:
    """Return the turns to take here, and those of accounts that are left to other processes."""
    ours = [turn for turn in turns if not is_left(turn.account)]
    return ours, [turn for turn in turns if turn not in ours]
