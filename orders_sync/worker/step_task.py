"""Runs a step of an order or a command: claimed in the ledger, done, recorded, the next dispatched.

`StepTask` is the base of their tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

import structlog

from orders_sync.bootstrap import Services
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Claim, CommandClaim, CommandResult, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost, LedgerUnavailable, OrdersSyncError
from orders_sync.ledger.journal import JournalLine
from orders_sync.ledger.transitions import Claims
from orders_sync.metrics.tracing import About
from orders_sync.worker.calls import CALLS, ERP_STEPS
from orders_sync.worker.retry import Again, Park, decide
from orders_sync.worker.task import ServiceTask, ids_of

log = structlog.get_logger(__name__)

C = TypeVar("C", Claim, CommandClaim)
R = TypeVar("R", StepResult, CommandResult)

#: The steps that one message may lead to; after these the next is sent as a message of its own.
_STEPS_A_MESSAGE = 6

#: How long one message may lead from order to order.
_GOES_ON_FOR = timedelta(seconds=1)

#: A step that could not be recorded is left alone for so long.
_REST_UNRECORDED = timedelta(seconds=5)

#: Work that began within this time of being due had not to wait for a thread.
_PROMPT = timedelta(seconds=0.5)

OrderSteps = Mapping[Step, Callable[[Claim, Services], StepResult]]
CommandSteps = Mapping[Step, Callable[[CommandClaim, Services], CommandResult]]


class StepTask(ServiceTask):
    """A task that runs steps of one order or command, beginning with the one it is named after."""

    def run_step(self, account: str, order_id: str, steps: OrderSteps) -> None:
        """Run the step of an order that has this task's name, and those that come after.

        In a backlog it goes on with the orders that wait for the same step, unless somebody
        watches: Flower shows a task for each order.
        """
        step = Step(self.name)
        orders, process = self.services.ledger.orders, self.services.process
        if self._is_left(Dispatch(account, order_id, step)):
            return

        def take_next(done: Claim, now: datetime) -> Claim | None:
            had_to_wait = now - done.due_at > _PROMPT
            if not had_to_wait or self.app.is_watched or not self.app.serves(step):
                return None
            traffic = self.services.traffic
            if step in ERP_STEPS and traffic is not None and traffic.has_erp_budget(account):
                # The dispatcher sees when the ERP may be called next.
                return None
            return orders.claim_next(done, step, owner=process, now=now)

        self.runner.run(
            Workflow(orders, steps, orders.advance),
            lambda now: orders.claim(account, order_id, step, owner=process, now=now),
            take_next,
        )

    def run_command(self, message: Dispatch, steps: CommandSteps) -> None:
        """Run the step of a command, and those that come after."""
        commands = self.services.ledger.commands
        if self._is_left(message):
            return
        self.runner.run(
            Workflow(commands, steps),
            lambda now: commands.claim(message, owner=self.services.process, now=now),
        )

    def _is_left(self, message: Dispatch) -> bool:
        """Return whether a message is left: it is not to be acted on here, or not now.

        The work of a disabled account waits as it is. A process that does not reach a peer which
        others reach uses up no try of anybody's.
        """
        services = self.services
        if services.is_disabled(message.account):
            log.info("step.left", cause="account.disabled")
        elif services.is_left_to_others(message.account, CALLS[message.step]):
            log.info("step.left_to_others")
        else:
            return False
        services.ledger.due_work.leave_to_others(message)
        return True

    @property
    def runner(self) -> Runner:
        """The runner of steps in the name of this task's message."""
        return Runner(self.services, self.app.dispatch_all, self.app.serves, str(self.request.id))


@dataclass(frozen=True, slots=True)
class Workflow(Generic[C, R]):
    """The steps of one kind of thing, and the part of the ledger that keeps it.

    `advance` keeps a claim for the step that follows; None where each step gives its claim back.
    """

    claims: Claims[C, R]
    steps: Mapping[Step, Callable[[C, Services], R]]
    advance: Callable[..., C] | None = None


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs steps for one message.

    `dispatch` puts steps on their queues and never fails: what it could not put there is due again
    soon. `serves` checks which steps this worker may run: it goes on with those itself, since a
    message to the next worker costs more than the step. `task_id` names the message in the
    journal.
    """

    services: Services
    dispatch: Callable[[Sequence[Dispatch]], None]
    serves: Callable[[Step], bool]
    task_id: str

    def run(
        self,
        work: Workflow[C, R],
        take: Callable[[datetime], C | None],
        take_next: Callable[[C, datetime], C | None] | None = None,
    ) -> None:
        """Run the step that `take` claims, and those that follow it; nothing where it is past.

        Where all went well, go on for a moment with what `take_next` claims: that saves a message
        for each.
        """
        began = self.services.clock()
        claim = take(began)
        if claim is None:
            log.debug("step.skipped")
        while claim is not None:
            shown = ids_of({"order_id": claim.order_id}).get("order_id")
            with structlog.contextvars.bound_contextvars(order_id=shown):
                went_well = self._run_all(claim, work)
            now = self.services.clock()
            if not went_well or take_next is None or now - began > _GOES_ON_FOR:
                return
            claim = take_next(claim, now)

    def _run_all(self, claim: C, work: Workflow[C, R]) -> bool:
        """Run a step and those that follow it; return whether all of them went well."""
        try:
            for remaining in reversed(range(_STEPS_A_MESSAGE)):
                started = self.services.clock()
                result = self._try(claim, work, started)
                if result is None:
                    return False
                onward = self._record(claim, result, work, started, may_go_on=remaining > 0)
                if onward is None:
                    break
                claim = onward
        except LeaseLost:
            log.warning("step.overtaken", step=claim.step)
            self._look_again(claim)
            return False
        except LedgerUnavailable:
            log.warning("step.unrecorded", step=claim.step)
            self._free_later(claim)
            return False
        return True

    def _free_later(self, claim: C) -> None:
        """Free a claim once the ledger is back, with a rest: the step may be the reason."""
        services = self.services

        def free() -> None:
            at = services.clock() + _REST_UNRECORDED
            services.ledger.processes.free_claim(claim, services.process, at=at)

        services.ledger.postponed.add(free)

    def _look_again(self, claim: Claim | CommandClaim) -> None:
        """Request a read after an overtaken hand-over: the ERP may have got it from this one."""
        if claim.step is Step.HAND_OVER:
            again = self.services.ledger.orders.look_again(
                claim.account, claim.order_id, now=self.services.clock()
            )
            self.dispatch(again)

    def _try(self, claim: C, work: Workflow[C, R], started: datetime) -> R | None:
        """Run one step; return None where it failed, which is recorded."""
        about = About(claim.account, claim.order_id, getattr(claim, "command_id", None))
        facts = {"orders_sync.attempt": claim.attempts + 1}
        try:
            with self.services.tracing.step(claim.step.value, about, facts):
                return work.steps[claim.step](claim, self.services)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - every error has to end in the ledger.
            self._failed(claim, work.claims, error, started)
            return None

    def _record(
        self, claim: C, result: R, work: Workflow[C, R], started: datetime, *, may_go_on: bool
    ) -> C | None:
        """Record what a step achieved; return the next claim where this worker goes on with it."""
        now = self.services.clock()
        entry = self._entry(claim, "step.done", result.note, started, now)
        following: Sequence[Dispatch] = ()
        onward: C | None = None
        if may_go_on and work.advance is not None and self._goes_on(result, work):
            onward = work.advance(claim, result, entry, now=now)
        else:
            following = work.claims.complete(claim, result, entry, now=now)
        self.services.metrics.step_ended(claim.step, "done", entry.seconds or 0.0)
        log.info(
            "step.done", step=claim.step, seconds=entry.seconds, standing=result.standing.value
        )
        self.dispatch(following)
        return onward

    def _goes_on(self, result: R, work: Workflow[C, R]) -> bool:
        """Check whether this worker may run what is next, and the read after a change."""
        step = result.next_step
        return (
            result.standing is Standing.ACTIVE
            and step is not None
            and step in work.steps
            and self.serves(step)
            and self.serves(Step.FETCH)
        )

    def _failed(self, claim: C, claims: Claims[C, R], error: Exception, started: datetime) -> None:
        if not isinstance(error, OrdersSyncError):
            log.error("step.crashed", step=claim.step, exc_info=error)
        now = self.services.clock()
        settings = self.services.settings
        verdict = decide(
            error,
            settings.policy_of(claim.account, claim.step.queue),
            failures=claim.attempts + 1,
            failing_for=now - (claim.failing_since or now),
            jitter=self.services.random.random(),
            visible_after=timedelta(seconds=settings.vtex.visible_after_seconds),
        )
        if isinstance(verdict, Park):
            self._park(claim, claims, verdict, started, now)
        else:
            self._try_again(claim, claims, verdict, started, now)

    def _park(
        self, claim: C, claims: Claims[C, R], verdict: Park, started: datetime, now: datetime
    ) -> None:
        following = claims.park(
            claim,
            self._entry(claim, "step.parked", verdict.reason, started, now),
            cause=verdict.cause,
            reason=verdict.reason,
            hint=verdict.hint,
            now=now,
        )
        seconds = (now - started).total_seconds()
        self.services.metrics.step_ended(claim.step, "parked", seconds, verdict.cause)
        # The reason is in the other system's words, and those belong in the ledger.
        log.error("step.parked", step=claim.step, cause=verdict.cause)
        self.dispatch(following)

    def _try_again(
        self,
        claim: C,
        claims: Claims[C, R],
        verdict: Again,
        started: datetime,
        now: datetime,
    ) -> None:
        outcome: Literal["failed", "waited"] = "failed" if verdict.fails else "waited"
        what = f"step.{outcome}"
        entry = self._entry(claim, what, verdict.reason, started, now)
        following = claims.defer(
            claim,
            entry if verdict.noted else None,
            due_at=now + verdict.delay,
            cause=verdict.cause,
            reason=verdict.reason,
            counts=verdict.counts,
            fails=verdict.fails,
            now=now,
        )
        took = (now - started).total_seconds()
        self.services.metrics.step_ended(claim.step, outcome, took, verdict.cause)
        say = log.warning if verdict.noted else log.debug
        say(what, step=claim.step, cause=verdict.cause, retry_in=verdict.delay.total_seconds())
        self.dispatch(following)

    def _entry(
        self,
        claim: Claim | CommandClaim,
        what: str,
        note: str | None,
        started: datetime,
        now: datetime,
    ) -> JournalLine:
        return JournalLine(
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
