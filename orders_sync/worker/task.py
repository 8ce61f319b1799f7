"""The bases of our tasks: they reach the services, carry log context, and lose no retry."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import structlog
from celery import Task
from celery.exceptions import Reject

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.errors import OrdersSyncError
from orders_sync.settings import RetryPolicy
from orders_sync.worker.queues import queue_of
from orders_sync.worker.runner import Runner, Work

log = structlog.get_logger(__name__)


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
        with structlog.contextvars.bound_contextvars(
            task=self.name, task_id=self.request.id, **kwargs
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

    def run_step(self, account: str, order_id: str, work: Work) -> None:
        """Run the step that has this task's name, and see to its retry."""
        runner = Runner(self.services, self.dispatch, self.policy, self.owner, str(self.request.id))
        delay = runner.run(Step(self.name), account, order_id, work)
        if delay is not None:
            self.retry(countdown=delay.total_seconds(), max_retries=None)
