"""The tasks of the road out: arguments in, one use-case, done.

`orders_sync.*` are for other services, by name; their names and arguments are kept stable. They
take whatever they are sent, so that rubbish is refused where people see it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from celery import shared_task
from celery.exceptions import Reject

from orders_sync.broker.envelope import NOT_BEFORE
from orders_sync.domain.commands import Command
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.accounts import Chore
from orders_sync.outbound import steps
from orders_sync.outbound.accept import Desk, accept
from orders_sync.outbound.answers import pull
from orders_sync.outbound.consider import consider_cancellation
from orders_sync.worker.chores import Ran
from orders_sync.worker.request import Waits
from orders_sync.worker.retry import place_of
from orders_sync.worker.task import ServiceTask, StepTask
from orders_sync.worker.ticks import ChoreTask

log = structlog.get_logger(__name__)

#: A message that cannot be taken in yet is tried by a thread so often.
_PAUSE_SECONDS = 1.0


class IntakeTask(StepTask):
    """A task of another service: its message is the only copy until the ledger has it.

    A worker that also takes from the command's own queue sends it at once, without a message to
    itself.
    """

    # What is wrong with the arguments is for `accept` to say.
    typing = False

    #: Waits for so many seconds before a message goes back.
    pause = staticmethod(time.sleep)

    @property
    def not_before(self) -> datetime | None:
        """When the sender wants the command done (Celery's `eta` or `countdown`), if later."""
        text = self.request.get(NOT_BEFORE)
        return None if text is None else datetime.fromisoformat(text)

    def desk(self) -> Desk:
        """Give what accepting uses."""
        return replace(desk_of(self), dispatch=self.go_on)

    def go_on(self, following: Dispatch) -> None:
        """Send the accepted command here and now where this worker may, else have it sent."""
        if following.step in steps.STEPS and self.app.serves(following.step):
            self.run_command(following, steps.STEPS)
        else:
            self.dispatch(following)

    def take(self, kind: str, body: Any, arguments: dict[str, Any]) -> None:
        """Accept a command; where that fails, its message goes to the end of its queue.

        It waits there for the ledger as long as it takes; one that a defect of ours keeps from
        being accepted is set aside after a few times.
        """
        command = Command(
            kind, _text(arguments.get("order_id")) or "", body, _text(arguments.get("key"))
        )
        account = _text(arguments.get("account")) or ""
        try:
            accept(
                command,
                account=account,
                source="service",
                desk=self.desk(),
                not_before=self.not_before,
            )
        except LedgerUnavailable as error:
            self.pause(_PAUSE_SECONDS)
            raise Waits(error.cause) from None
        except Exception as error:  # noqa: BLE001 - no defect of ours may cost the only copy.
            self.services.metrics.task_failed(self.name, error)
            log.error("intake.failed", cause=type(error).__name__, place=place_of(error))  # noqa: TRY400 - its text may quote the command.
            self.pause(_PAUSE_SECONDS)
            raise Reject(type(error).__name__, requeue=True) from None


class CommandTask(StepTask):
    """A task that sends one command, or follows it."""

    def send(self, account: str, order_id: str, command_id: str) -> None:
        """Run the step that has this task's name."""
        message = Dispatch(account, order_id, Step(self.name), command_id)
        self.run_command(message, steps.STEPS)


def desk_of(task: ServiceTask) -> Desk:
    """Give what accepting uses, from a task's services."""
    services = task.services
    return Desk(
        ledger=services.ledger,
        clock=services.clock,
        new_id=lambda: uuid.uuid4().hex,
        dispatch=task.dispatch,
        max_bytes=services.settings.max_command_bytes,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


@shared_task(name="orders_sync.invoice", base=IntakeTask, bind=True)
def invoice(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id, invoice: {...}, key}."""
    self.take("invoice", arguments.get("invoice"), arguments)


@shared_task(name="orders_sync.track", base=IntakeTask, bind=True)
def track(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id, invoice_number, tracking: {...}, key}."""
    tracking = arguments.get("tracking")
    if isinstance(tracking, dict) and "invoice_number" in arguments:
        tracking = {"invoice_number": arguments["invoice_number"], **tracking}
    self.take("track", tracking, arguments)


@shared_task(name="orders_sync.cancel", base=IntakeTask, bind=True)
def cancel(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id, reason, key}."""
    self.take("cancel", {"reason": arguments.get("reason")}, arguments)


@shared_task(name="orders_sync.change", base=IntakeTask, bind=True)
def change(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id, change: {...}, key}."""
    self.take("change", arguments.get("change"), arguments)


@shared_task(name="orders_sync.deny", base=IntakeTask, bind=True)
def deny(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id, reason, key}."""
    self.take("deny", {"reason": arguments.get("reason")}, arguments)


@shared_task(name="orders_sync.note", base=IntakeTask, bind=True)
def note(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id, message, key}."""
    self.take("note", {"message": arguments.get("message")}, arguments)


@shared_task(name="orders_sync.sync", base=IntakeTask, bind=True)
def sync(self: IntakeTask, *_: Any, **arguments: Any) -> None:
    """Take {account, order_id}: the order is read from VTEX now, each time this is sent."""
    self.take("sync", {}, {**arguments, "key": arguments.get("key") or f"sync/{self.request.id}"})


@shared_task(name=Chore.PULL.value, base=ChoreTask, bind=True, send_events=False)
def pull_commands(
    self: ChoreTask, account: str | None = None, turns: Mapping[str, int] | None = None
) -> None:
    """Ask the accounts' ERPs what VTEX shall know, and tell them what became of it."""

    def work(account: str) -> Ran:
        pulled = pull(account, erp=self.services.erp(account), desk=desk_of(self))
        is_new = pulled.accepted > 0
        return Ran(is_new, goes_on=is_new and pulled.is_cut_short)

    self.run_chore(account, turns, work)


@shared_task(name=Step.CONSIDER_CANCELLATION.value, base=StepTask, bind=True)
def consider(self: StepTask, account: str, order_id: str) -> None:
    """Have the ERP decide about a requested cancellation."""
    desk = desk_of(self)
    self.run_step(
        account,
        order_id,
        {
            Step.CONSIDER_CANCELLATION: lambda claim, services: consider_cancellation(
                claim, services, desk
            )
        },
    )


@shared_task(name=Step.SEND_INVOICE.value, base=CommandTask, bind=True)
def send_invoice(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Send an invoice."""
    self.send(account, order_id, command_id)


@shared_task(name=Step.SEND_TRACKING.value, base=CommandTask, bind=True)
def send_tracking(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Send tracking."""
    self.send(account, order_id, command_id)


@shared_task(name=Step.SEND_CANCEL.value, base=CommandTask, bind=True)
def send_cancel(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Send a cancellation, and follow it."""
    self.send(account, order_id, command_id)


@shared_task(name=Step.SEND_DENY.value, base=CommandTask, bind=True)
def send_deny(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Deny a requested cancellation."""
    self.send(account, order_id, command_id)


@shared_task(name=Step.SEND_CHANGE.value, base=CommandTask, bind=True)
def send_change(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Send a change."""
    self.send(account, order_id, command_id)


@shared_task(name=Step.FOLLOW_CHANGE.value, base=CommandTask, bind=True)
def follow_change(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Look how far a change is."""
    self.send(account, order_id, command_id)


@shared_task(name=Step.SEND_NOTE.value, base=CommandTask, bind=True)
def send_note(self: CommandTask, account: str, order_id: str, command_id: str) -> None:
    """Send a note."""
    self.send(account, order_id, command_id)
