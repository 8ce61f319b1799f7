"""The tasks of the way out: arguments in, one use-case, done.

`orders_sync.*` are for other services, by name; their names and arguments are kept stable. They
take whatever they are sent, so that what is wrong is refused where people see it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

import structlog
from celery import shared_task
from celery.exceptions import Reject

from orders_sync.broker.envelope import NOT_BEFORE, TRACEPARENT
from orders_sync.commands import KINDS
from orders_sync.commands.kind import Kind
from orders_sync.commands.sync import SYNC
from orders_sync.domain.commands import Command
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.accounts import Chore
from orders_sync.outbound import steps
from orders_sync.outbound.accept import Intake, accept
from orders_sync.outbound.erp import consider_cancellation, pull
from orders_sync.worker.chores import ChoreTask, Ran
from orders_sync.worker.retry import place_of
from orders_sync.worker.step_task import StepTask
from orders_sync.worker.task import ServiceTask, Waits

log = structlog.get_logger(__name__)

#: What every task for other services takes, beside what makes the body.
_ADDRESS: Final = ("account", "order_id", "key")

#: The pause before a message goes back that cannot be taken in yet.
_PAUSE_SECONDS = 1.0


class IntakeTask(StepTask):
    """A task of another service: its message is the only copy until the ledger has it.

    A worker that also takes from the command's own queue sends it at once, without a message to
    itself.
    """

    # What is wrong with the arguments is for `accept` to say.
    typing = False

    #: Waits for so many seconds.
    pause = staticmethod(time.sleep)

    @property
    def not_before(self) -> datetime | None:
        """When the sender wants the command done (Celery's `eta` or `countdown`), if later."""
        text = self.request.get(NOT_BEFORE)
        return None if text is None else datetime.fromisoformat(text)

    def intake(self) -> Intake:
        """Return the intake, which goes on with what is accepted."""
        traceparent = self.request.get(TRACEPARENT)
        return replace(intake_of(self), dispatch=self.go_on, traceparent=traceparent)

    def go_on(self, following: Sequence[Dispatch]) -> None:
        """Send the accepted command here and now where this worker may, else have it sent."""
        ours = [
            dispatch
            for dispatch in following
            if dispatch.step in steps.STEPS and self.app.serves(dispatch.step)
        ]
        self.app.dispatch_all([dispatch for dispatch in following if dispatch not in ours])
        for dispatch in ours:
            self.run_command(dispatch, steps.STEPS)

    def take(self, kind: Kind, arguments: Mapping[str, Any]) -> None:
        """Accept a command; where that fails, its message goes to the end of its queue.

        It waits there for the ledger as long as it takes; one that a defect of ours keeps from
        being accepted is set aside after a few times.
        """
        given = dict(arguments)
        account, order_id, key = (_text(given.pop(name, None)) for name in _ADDRESS)
        if kind is SYNC and key is None:
            key = f"sync/{self.request.id}"  # Each one reads the order.
        command = Command(kind.name, order_id or "", kind.body_in(given), key)
        try:
            accept(
                command,
                account=account or "",
                source="service",
                intake=self.intake(),
                not_before=self.not_before,
            )
        except LedgerUnavailable as error:
            self.pause(_PAUSE_SECONDS)
            raise Waits(error.cause) from None
        except Exception as error:
            self.services.metrics.task_failed(self.name, error)
            log.exception("intake.failed", cause=type(error).__name__, place=place_of(error))
            self.pause(_PAUSE_SECONDS)
            raise Reject(type(error).__name__, requeue=True) from None


def intake_of(task: ServiceTask) -> Intake:
    """Return the intake of a task's services."""
    services = task.services
    return Intake(
        ledger=services.ledger,
        clock=services.clock,
        new_id=lambda: uuid.uuid4().hex,
        dispatch=task.app.dispatch_all,
        max_bytes=services.settings.max_command_bytes,
        tracing=services.tracing,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _take(kind: Kind) -> IntakeTask:
    """Return the task by which other services ask for a kind of command."""

    @shared_task(name=kind.task, base=IntakeTask, bind=True)
    def take(self: IntakeTask, *_: Any, **arguments: Any) -> None:
        self.take(kind, arguments)

    return cast("IntakeTask", take)


def _send(step: Step) -> StepTask:
    """Return the task that runs a step of commands."""

    @shared_task(name=step.value, base=StepTask, bind=True)
    def send(self: StepTask, account: str, order_id: str, command_id: str) -> None:
        self.run_command(Dispatch(account, order_id, step, command_id), steps.STEPS)

    return cast("StepTask", send)


INTAKE: Final = tuple(map(_take, KINDS))
SENDING: Final = tuple(map(_send, steps.STEPS))


@shared_task(name=Chore.PULL.value, base=ChoreTask, bind=True, send_events=False)
def pull_commands(
    self: ChoreTask, account: str | None = None, turns: Mapping[str, int] | None = None
) -> None:
    """Pull the commands of the accounts' ERPs, and send them the outcomes."""

    def work(account: str) -> Ran:
        pulled = pull(account, erp=self.services.erp(account), intake=intake_of(self))
        is_new = pulled.accepted > 0
        return Ran(is_new, goes_on=is_new and pulled.is_cut_short)

    self.run_chore(account, turns, work)


@shared_task(name=Step.CONSIDER_CANCELLATION.value, base=StepTask, bind=True)
def consider(self: StepTask, account: str, order_id: str) -> None:
    """Run the ERP's decision about a requested cancellation."""
    intake = intake_of(self)
    self.run_step(
        account,
        order_id,
        {
            Step.CONSIDER_CANCELLATION: lambda claim, services: consider_cancellation(
                claim, services, intake
            )
        },
    )
