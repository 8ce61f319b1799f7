"""The bases of our tasks: they reach the services, carry log context, and lose no retry."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import structlog
from celery import Task
from celery.exceptions import Reject

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import OrdersSyncError
from orders_sync.ledger.command_claims import CommandClaim, CommandResult
from orders_sync.settings import RetryPolicy
from orders_sync.worker.queues import queue_of
from orders_sync.worker.runner import C, Desk, R, Runner

log = structlog.get_logger(__name__)

#: What of a task's arguments may be logged.
_IDS = ("account", "order_id", "command_id")


class ServiceTask(Task):
    """A task that reaches the services of its process.

    What it raises on purpose is logged in one line and not raised on: the next tick of the
    schedule tries again.
    """

    @property
    def services(self) -> Services:
        """The services of the process that runs the task."""
        services: Services = self.app.services
        return services

    @property
    def owner(self) -> str:
        """Name this worker in leases."""
        return f"{self.request.hostname or 'local'}/{os.getpid()}/{self.request.id}"

    def dispatch(self, following: Dispatch) -> None:
        """Put a step on its queue; where the broker is away the sweep does so later."""
        self.app.dispatch(following)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run with the task's ids in every line that is logged."""
        ids = {name: kwargs[name] for name in _IDS if name in kwargs}
        with structlog.contextvars.bound_contextvars(
            task=self.name, task_id=self.request.id, **ids
        ):
            try:
                return super().__call__(*args, **kwargs)
            except OrdersSyncError as error:
                log.warning("task.failed", cause=type(error).__name__, reason=str(error))
                return None

    def retry(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Put the task back, as Celery does, without losing it while the broker is away.

        Celery drops a task whose retry it cannot publish; here its message is kept instead.
        """
        try:
            super().retry(*args, **kwargs)
        except Reject as error:
            raise Reject(error.reason, requeue=True) from error
        raise AssertionError("Celery's retry always raises.")


class StepTask(ServiceTask):
    """A task that runs one step of one order."""

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy of the task's queue."""
        policy: RetryPolicy = getattr(self.services.settings.retry, queue_of(self.name))
        return policy

    def run_step(
        self, account: str, order_id: str, work: Callable[[Claim, Services], StepResult]
    ) -> None:
        """Run the step of an order that has this task's name, and see to its retry."""
        orders = self.services.ledger.orders
        self._run(
            lambda now: orders.claim(account, order_id, Step(self.name), owner=self.owner, now=now),
            orders,
            work,
        )

    def run_command(
        self, command_id: str, work: Callable[[CommandClaim, Services], CommandResult]
    ) -> None:
        """Run the step of a command that has this task's name, and see to its retry."""
        commands = self.services.ledger.commands
        self._run(
            lambda now: commands.claim(command_id, Step(self.name), owner=self.owner, now=now),
            commands,
            work,
        )

    def _run(
        self,
        take: Callable[[datetime], C | None],
        desk: Desk[C, R],
        work: Callable[[C, Services], R],
    ) -> None:
        runner = Runner(self.services, self.dispatch, self.policy, str(self.request.id))
        delay = runner.run(take, desk, work)
        if delay is not None:
            self.retry(countdown=delay.total_seconds(), max_retries=None)
