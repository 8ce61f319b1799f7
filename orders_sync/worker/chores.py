"""The bases of ticks and of chores: a tick finds what is due, a chore is done in its turn."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from orders_sync.bootstrap import Services
from orders_sync.broker.client import BROKER_AWAY
from orders_sync.domain.time import Clock
from orders_sync.errors import (
    LedgerUnavailable,
    OrdersSyncError,
    ParkedError,
    RetryableError,
    WaitError,
)
from orders_sync.ledger.accounts import Accounts, Chore, Turn, TurnResult
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.ledger.processes import Postponed
from orders_sync.worker.calls import CHORE_CALLS
from orders_sync.worker.schedule import (
    QUICK,
    QUICK_LEASE,
    SLOW_LEASE,
    Rhythm,
    first_due,
    lots,
    pause,
    rhythm_of,
)
from orders_sync.worker.task import ServiceTask

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
    postponed: Postponed
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
        endings: list[TurnResult] = []
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
            self._write(partial(self.accounts.end, endings))
            self._write(partial(self.accounts.release, [*left, *others]))
        return going_on

    def _write(self, write: Callable[[], None]) -> None:
        """Write how turns ended, now or once the ledger is back."""
        try:
            write()
        except LedgerUnavailable:
            log.warning("chore.unrecorded")
            self.postponed.add(write)

    def _run(self, turn: Turn, work: Callable[[str], Ran]) -> tuple[TurnResult, Ran | None]:
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

    def _ended(self, turn: Turn, ran: Ran, began_at: datetime) -> TurnResult:
        now = self.clock()
        due_at: datetime | None = None
        if ran.goes_on:
            due_at = now
        elif not ran.is_over:
            # From when it was claimed: from its end, each run would miss a tick.
            due_at = max(now, turn.claimed_at + self._pause(turn, now, ran))
        return TurnResult(
            turn,
            due_at,
            began_at,
            (now - began_at).total_seconds(),
            worked_at=now if ran.worked else None,
            succeeded_at=now if ran.succeeded else None,
        )

    def _failed(self, turn: Turn, error: OrdersSyncError, began_at: datetime) -> TurnResult:
        now = self.clock()
        if isinstance(error, WaitError):
            rest = timedelta(seconds=error.seconds)
        elif isinstance(error, RetryableError):
            rest = timedelta(seconds=max(error.retry_after or 0.0, _REST_AFTER_FAILURE))
        else:
            rest = self._pause(turn, now, Ran())
        seconds = (now - began_at).total_seconds()
        return TurnResult(turn, now + rest, began_at, seconds, failure=type(error).__name__)

    def _pause(self, turn: Turn, now: datetime, ran: Ran) -> timedelta:
        since = now if ran.worked else turn.worked_at
        quiet = None if since is None or ran.may_rest else now - since
        return pause(self.rhythm, quiet, draw=self.random.random())


def _split(turns: Sequence[Turn], is_left: Callable[[str], bool]) -> tuple[list[Turn], list[Turn]]:
    """Return the turns to take here, and those of accounts that are left to other processes."""
    ours = [turn for turn in turns if not is_left(turn.account)]
    return ours, [turn for turn in turns if turn not in ours]


log = structlog.get_logger(__name__)

#: The most chores that one tick puts on the queues.
_MOST_TURNS: Final = 1000

#: So many chores that never ran are under way. The first run for an account takes many times a
#: later one, and hundreds of new accounts must not keep the others waiting.
_FIRST_AT_ONCE: Final = 24

#: Chores of an account that is not configured here may be another process's.
_NOT_OURS: Final = timedelta(seconds=60)


class TickTask(ServiceTask):
    """A task that claims the chores that are due, and puts them on their queues."""

    _scheduled: tuple[Services, frozenset[str]] | None = None

    def tick(self, chores: Collection[Chore], ahead: timedelta = timedelta()) -> None:
        """Dispatch each chore that is due, or will be within `ahead`.

        Accounts that are new get their rows from the first tick of each process that knows them.
        The chores of one that is disabled wait until it is enabled.
        """
        services = self.services
        accounts, now = services.ledger.accounts, services.clock()
        known = self._schedule_new(now)
        turns = accounts.claim(
            chores,
            now=now,
            lease=lease_of(chores),
            limit=_MOST_TURNS,
            first_at_once=_FIRST_AT_ONCE,
            ahead=ahead,
        )
        if any(not known.get(turn.account) for turn in turns):
            # One that was added or enabled just now must not wait for long.
            services.roster.look()
            known = self._schedule_new(now)
        strange = [turn for turn in turns if turn.account not in known]
        accounts.release(strange, due_at=now + _NOT_OURS)
        accounts.rest([turn for turn in turns if known.get(turn.account) is False])
        self._send([turn for turn in turns if known.get(turn.account)])

    def _schedule_new(self, now: datetime) -> Mapping[str, bool]:
        """Add rows for accounts that are new; return whose chores are ours, and to be done."""
        services, settings = self.services, self.services.settings
        names = frozenset(settings.accounts)
        before = self._scheduled
        if before is None or before[0] is not services:
            services.ledger.accounts.schedule(first_due(settings, names, now=now))
        elif names - before[1]:
            services.ledger.accounts.schedule(first_due(settings, names - before[1], now=now))
        self._scheduled = services, names
        return {EVERY_ACCOUNT: True} | {
            name: account.enabled for name, account in settings.accounts.items()
        }

    def _send(self, turns: Collection[Turn]) -> None:
        if not turns:
            return
        try:
            self.app.send_batch(
                (lot[0].chore.value, {"turns": {turn.account: turn.version for turn in lot}})
                for lot in lots(list(turns))
            )
        except BROKER_AWAY as error:
            log.warning("tick.postponed", turns=len(turns), cause=type(error).__name__)
            self.services.ledger.accounts.release(turns)


class ChoreTask(ServiceTask):
    """A task that does a chore for the accounts whose turns its message names.

    A message that names an `account` in place of turns has it done now, unless that is being done.
    """

    def run_chore(
        self,
        account: str | None,
        turns: Mapping[str, int] | None,
        work: Callable[[str], Ran],
    ) -> None:
        """Do `work` for one account after the other."""
        services, chore = self.services, Chore(self.name)
        accounts = services.ledger.accounts
        if turns is None:
            turn = accounts.claim_one(
                account or EVERY_ACCOUNT, chore, now=services.clock(), lease=lease_of([chore])
            )
            claimed = [] if turn is None else [turn]
        else:
            claimed = list(accounts.begin(chore, turns))
        chores = Chores(
            accounts,
            services.ledger.postponed,
            rhythm_of(chore, services.settings),
            services.clock,
            services.random,
            partial(services.metrics.task_failed, self.name),
            is_left=lambda name: (
                services.is_disabled(name)
                or services.is_left_to_others(name, CHORE_CALLS.get(chore, ()))
            ),
        )
        for going_on in chores.run(claimed, work):
            self._again(going_on)

    def _again(self, account: str) -> None:
        """Go on without waiting for the tick; where the broker is away, that does it."""
        try:
            self.app.send_task(self.name, kwargs={"account": account})
        except BROKER_AWAY as error:
            log.warning("dispatch.postponed", step=self.name, cause=type(error).__name__)


def lease_of(chores: Collection[Chore]) -> timedelta:
    """Return how long a claimed chore is left alone."""
    return QUICK_LEASE if set(chores) <= set(QUICK) else SLOW_LEASE
