"""Runs one step of one order: claimed in the ledger, done, recorded, handed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost, LedgerUnavailable
from orders_sync.ledger.journal import Entry
from orders_sync.settings import RetryPolicy
from orders_sync.worker.retry import Again, Park, decide

log = structlog.get_logger(__name__)

#: Does a step for a claim; the use-cases of `inbound` are such functions.
Work = Callable[[Claim, Services], StepResult]

#: Longer waits are left to the ledger and the sweep: on a Redis broker a task that waits longer
#: than the visibility time-out would run twice.
LONGEST_MESSAGE_WAIT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Runner:
    """What is the same for every step that a worker runs.

    `dispatch` puts a step on its queue and never fails: what it could not put there, the sweep
    does. `owner` names the worker in leases, `task_id` the message in the journal.
    """

    services: Services
    dispatch: Callable[[Dispatch], None]
    policy: RetryPolicy
    owner: str
    task_id: str

    def run(self, step: Step, account: str, order_id: str, work: Work) -> timedelta | None:
        """Run the step if it is still to be done.

        Returns the time after which its message should come again, or None where it need not.
        """
        services = self.services
        try:
            claim = services.ledger.orders.claim(
                account, order_id, step, owner=self.owner, now=services.clock()
            )
        except LedgerUnavailable as error:
            log.warning("ledger.unavailable", seconds=error.seconds)
            return timedelta(seconds=error.seconds)
        if claim is None:
            log.debug("step.skipped")
            return None
        try:
            return self._run_claimed(claim, work)
        except LeaseLost:
            log.warning("step.overtaken", version=claim.version)
        except LedgerUnavailable:
            # The lease runs out by itself, and the sweep brings the step back.
            log.warning("step.unrecorded", version=claim.version)
        return None

    def _run_claimed(self, claim: Claim, work: Work) -> timedelta | None:
        started = self.services.clock()
        try:
            result = work(claim, self.services)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - every error has to end in the ledger.
            return self._failed(claim, error, started)
        now = self.services.clock()
        entry = self._entry(claim, "step.done", result.note, started, now)
        following = self.services.ledger.orders.complete(claim, result, entry, now=now)
        log.info(
            "step.done",
            seconds=entry.seconds,
            standing=result.standing.value,
            next_step=following.step.value if following else None,
        )
        self._hand_on(following)
        return None

    def _failed(self, claim: Claim, error: Exception, started: datetime) -> timedelta | None:
        now = self.services.clock()
        verdict = decide(
            error,
            self.policy,
            failures=claim.attempts + 1,
            failing_for=now - (claim.failing_since or now),
            jitter=self.services.random.random(),
        )
        if isinstance(verdict, Park):
            self._park(claim, verdict, started, now)
            return None
        return self._try_again(claim, verdict, started, now)

    def _park(self, claim: Claim, verdict: Park, started: datetime, now: datetime) -> None:
        entry = self._entry(claim, "order.parked", verdict.reason, started, now)
        following = self.services.ledger.orders.park(
            claim,
            entry,
            cause=verdict.cause,
            reason=verdict.reason,
            hint=verdict.hint,
            now=now,
        )
        log.error("order.parked", cause=verdict.cause, reason=verdict.reason)
        self._hand_on(following)

    def _try_again(
        self, claim: Claim, verdict: Again, started: datetime, now: datetime
    ) -> timedelta | None:
        what = "step.failed" if verdict.counts else "step.waited"
        following = self.services.ledger.orders.defer(
            claim,
            self._entry(claim, what, verdict.reason, started, now),
            due_at=now + verdict.delay,
            cause=verdict.cause,
            reason=verdict.reason,
            counts=verdict.counts,
            now=now,
        )
        log.warning(what, cause=verdict.cause, retry_in=verdict.delay.total_seconds())
        if following is not None:
            self._hand_on(following)
            return None
        return verdict.delay if verdict.delay <= LONGEST_MESSAGE_WAIT else None

    def _hand_on(self, following: Dispatch | None) -> None:
        if following is not None:
            self.dispatch(following)

    def _entry(
        self, claim: Claim, what: str, note: str | None, started: datetime, now: datetime
    ) -> Entry:
        return Entry(
            at=now,
            account=claim.account,
            order_id=claim.order_id,
            what=what,
            step=claim.step,
            attempt=claim.attempts + 1,
            seconds=round((now - started).total_seconds(), 4),
            task_id=self.task_id,
            note=note,
        )
