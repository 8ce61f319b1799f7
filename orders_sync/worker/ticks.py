"""The bases of ticks and of chores: a tick finds what is due, a chore is done in its turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from orders_sync.bootstrap import Services
from orders_sync.broker.client import BROKER_AWAY
from orders_sync.ledger.accounts import Chore, Turn
from orders_sync.ledger.cursors import EVERY_ACCOUNT
from orders_sync.worker.calls import CHORE_CALLS
from orders_sync.worker.chores import Chores, Ran
from orders_sync.worker.schedule import (
    QUICK,
    QUICK_LEASE,
    SLOW_LEASE,
    first_due,
    lots,
    rhythm_of,
)
from orders_sync.worker.task import ServiceTask

log = structlog.get_logger(__name__)

#: The most chores that one tick puts on the queues.
_MOST_TURNS: Final = 1000

#: So many chores that never ran are under way. The first run for an account takes many times a
#: later one, and hundreds of new accounts must not keep the others waiting.
_FIRST_AT_ONCE: Final = 12

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
            with self.app.producer_or_acquire() as producer, producer.batch():
                for lot in lots(list(turns)):
                    self.app.send_task(
                        lot[0].chore.value,
                        kwargs={"turns": {turn.account: turn.version for turn in lot}},
                        producer=producer,
                        argsrepr="()",
                        kwargsrepr="{}",
                        declare=(),
                        retry=False,
                        add_to_parent=False,
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
