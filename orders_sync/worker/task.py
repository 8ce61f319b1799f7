"""The bases of our tasks: they reach the services and carry log context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from celery import Task
from celery.exceptions import TaskPredicate

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Claim, CommandClaim, CommandResult, Dispatch, Step, StepResult
from orders_sync.errors import OrdersSyncError, ParkedError
from orders_sync.worker.calls import CALLS, ERP_STEPS
from orders_sync.worker.request import IdsOnlyRequest, ids_of
from orders_sync.worker.retry import place_of
from orders_sync.worker.runner import Runner, Work

log = structlog.get_logger(__name__)

OrderSteps = Mapping[Step, Callable[[Claim, Services], StepResult]]
CommandSteps = Mapping[Step, Callable[[CommandClaim, Services], CommandResult]]


#: Work that began within this time of being due had not to wait for a thread.
_PROMPT: Final = timedelta(seconds=0.5)


class TaskCrashed(Exception):
    """Raised for what nobody foresaw; it says where, and quotes nothing of the error's text."""


class ServiceTask(Task):
    """A task that reaches the services of its process.

    What it raises on purpose is logged in one line and not raised on: the next tick of the
    schedule tries again.
    """

    Request = IdsOnlyRequest

    @property
    def services(self) -> Services:
        """The services of the process that runs the task."""
        services: Services = self.app.services
        return services

    def dispatch(self, following: Dispatch) -> None:
        """Put a step on its queue; where the broker is away it is due again soon."""
        self.app.dispatch(following)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the task's ids in every line that is logged."""
        with structlog.contextvars.bound_contextvars(
            task=self.name, task_id=self.request.id, **ids_of(kwargs)
        ):
            try:
                return super().__call__(*args, **kwargs)
            except OrdersSyncError as error:
                self.services.metrics.task_failed(self.name, error)
                # What others refused is in their words, and those belong in the ledger.
                reason = None if isinstance(error, ParkedError) else str(error)
                log.warning("task.failed", cause=type(error).__name__, reason=reason)
                return None
            except TaskPredicate:
                raise
            except Exception as error:
                log.exception("task.crashed")
                raise TaskCrashed(f"{type(error).__name__} at {place_of(error)}") from None


class StepTask(ServiceTask):
    """A task that runs steps of one order or command, beginning with the one it is named after."""

    def run_step(self, account: str, order_id: str, steps: OrderSteps) -> None:
        """Run the step of an order that has this task's name, and see to what comes after.

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
            if step in ERP_STEPS and self.services.erp_is_paced(account):
                # The dispatcher sees when the ERP may be called next.
                return None
            return orders.claim_next(done, step, owner=process, now=now)

        self.runner.run(
            Work(orders, steps, orders.advance),
            lambda now: orders.claim(account, order_id, step, owner=process, now=now),
            take_next,
        )

    def run_command(self, message: Dispatch, steps: CommandSteps) -> None:
        """Run the step of a command, and see to what comes after."""
        commands = self.services.ledger.commands
        if self._is_left(message):
            return
        self.runner.run(
            Work(commands, steps),
            lambda now: commands.claim(message, owner=self.services.process, now=now),
        )

    def _is_left(self, message: Dispatch) -> bool:
        """Leave a message that is not to be acted on here, or not now; tell whether it is.

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
        """Give what runs steps in the name of this task's message."""
        return Runner(self.services, self.dispatch, self.app.serves, str(self.request.id))
