"""Runs one step of an order or a command: claimed in the ledger, done, recorded, handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from orders_sync.bootstrap import Services
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import LONGEST_MESSAGE_WAIT, Dispatch, Step
from orders_sync.errors import LeaseLost, LedgerUnavailable, WaitError
from orders_sync.ledger.journal import Entry
from orders_sync.settings import RetryPolicy
from orders_sync.worker.retry import Again, Park, decide

log = structlog.get_logger(__name__)


class Claim(Protocol):
    """The right to run one step, as orders and commands give it."""

    @property
    def account(self) -> str: ...  # noqa: D102 - as the names say.
    @property
    def order_id(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> Step: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def attempts(self) -> int: ...  # noqa: D102
    @property
    def failing_since(self) -> datetime | None: ...  # noqa: D102


class Result(Protocol):
    """What a step achieved."""

    @property
    def standing(self) -> Standing: ...  # noqa: D102
    @property
    def note(self) -> str | None: ...  # noqa: D102


C = TypeVar("C", bound=Claim)
R = TypeVar("R", bound=Result)
C_contra = TypeVar("C_contra", bound=Claim, contravariant=True)
R_contra = TypeVar("R_contra", bound=Result, contravariant=True)


class Desk(Protocol[C_contra, R_contra]):
    """The part of the ledger that claims are given back to; each gives what to dispatch."""

    def complete(
        self, claim: C_contra, result: R_contra, entry: Entry, *, now: datetime
    ) -> Sequence[Dispatch]:
        """Record what a step achieved."""
        ...

    def defer(
        self,
        claim: C_contra,
        entry: Entry,
        *,
        due_at: datetime,
        cause: str,
        reason: str,
        counts: bool,
        now: datetime,
    ) -> Sequence[Dispatch]:
        """Put a step back."""
        ...

    def park(
        self,
        claim: C_contra,
        entry: Entry,
        *,
        cause: str,
        reason: str,
        hint: str,
        now: datetime,
    ) -> Sequence[Dispatch]:
        """Stop until a person decides."""
        ...


@dataclass(frozen=True, slots=True)
class Runner:
    """What is the same for every step that a worker runs.

    `dispatch` puts a step on its queue and never fails: what it could not put there, the sweep
    does. `task_id` names the message in the journal.
    """

    services: Services
    dispatch: Callable[[Dispatch], None]
    policy: RetryPolicy
    task_id: str

    def run(
        self,
        take: Callable[[datetime], C | None],
        desk: Desk[C, R],
        work: Callable[[C, Services], R],
    ) -> timedelta | None:
        """Run the step that `take` claims, if it is still to be done.

        Returns the time after which its message should come again, or None where it need not.
        """
        try:
            claim = take(self.services.clock())
        except WaitError as error:
            log.info("step.not_yet", cause=error.cause, seconds=error.seconds)
            return timedelta(seconds=error.seconds)
        if claim is None:
            log.debug("step.skipped")
            return None
        try:
            return self._run_claimed(claim, desk, work)
        except LeaseLost:
            log.warning("step.overtaken", version=claim.version)
        except LedgerUnavailable:
            # The lease runs out by itself, and the sweep brings the step back.
            log.warning("step.unrecorded", version=claim.version)
        return None

    def _run_claimed(
        self, claim: C, desk: Desk[C, R], work: Callable[[C, Services], R]
    ) -> timedelta | None:
        started = self.services.clock()
        try:
            result = work(claim, self.services)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - every error has to end in the ledger.
            return self._failed(claim, desk, error, started)
        now = self.services.clock()
        entry = self._entry(claim, "step.done", result.note, started, now)
        following = desk.complete(claim, result, entry, now=now)
        log.info("step.done", seconds=entry.seconds, standing=result.standing.value)
        self._hand_on(following)
        return None

    def _failed(
        self, claim: C, desk: Desk[C, R], error: Exception, started: datetime
    ) -> timedelta | None:
        now = self.services.clock()
        verdict = decide(
            error,
            self.policy,
            failures=claim.attempts + 1,
            failing_for=now - (claim.failing_since or now),
            jitter=self.services.random.random(),
        )
        if isinstance(verdict, Park):
            self._park(claim, desk, verdict, started, now)
            return None
        return self._try_again(claim, desk, verdict, started, now)

    def _park(
        self, claim: C, desk: Desk[C, R], verdict: Park, started: datetime, now: datetime
    ) -> None:
        following = desk.park(
            claim,
            self._entry(claim, "step.parked", verdict.reason, started, now),
            cause=verdict.cause,
            reason=verdict.reason,
            hint=verdict.hint,
            now=now,
        )
        log.error("step.parked", cause=verdict.cause, reason=verdict.reason)
        self._hand_on(following)

    def _try_again(
        self, claim: C, desk: Desk[C, R], verdict: Again, started: datetime, now: datetime
    ) -> timedelta | None:
        what = "step.failed" if verdict.counts else "step.waited"
        following = desk.defer(
            claim,
            self._entry(claim, what, verdict.reason, started, now),
            due_at=now + verdict.delay,
            cause=verdict.cause,
            reason=verdict.reason,
            counts=verdict.counts,
            now=now,
        )
        log.warning(what, cause=verdict.cause, retry_in=verdict.delay.total_seconds())
        self._hand_on(following)
        return verdict.delay if verdict.delay <= LONGEST_MESSAGE_WAIT else None

    def _hand_on(self, following: Sequence[Dispatch]) -> None:
        for each in following:
            self.dispatch(each)

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
