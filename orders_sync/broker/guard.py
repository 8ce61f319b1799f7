"""No error of Celery's own costs a worker one of its slots, or leaves a message in hand for good.

Celery catches what a task raises, and little of what is raised around it: reading a body again in
the thread, telling of an event, storing a result. A thread's future keeps such an error to itself,
and the message stays unacknowledged, with the slot that it takes up.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from celery.worker.state import task_ready

log = structlog.get_logger(__name__)


class GuardedExecutor(ThreadPoolExecutor):
    """Threads that give a message back where it was not the task that failed."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call of Celery's pool, whose arguments hold a method of the request."""
        future = super().submit(function, *args, **kwargs)
        owners = (getattr(argument, "__self__", None) for argument in args)
        request = next((owner for owner in owners if hasattr(owner, "acknowledged")), None)
        if request is not None:
            future.add_done_callback(partial(_look_at, request))
        return future


def guard_pool(pool: Any) -> None:
    """Have a pool of threads, which has not begun, run its calls on guarded ones."""
    if isinstance(getattr(pool, "executor", None), ThreadPoolExecutor):
        pool.executor = GuardedExecutor(max_workers=pool.limit)


def guarded(on_task_request: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that hands a request to the pool, and gives back what it does not take."""

    def hand_over(request: Any) -> Any:
        try:
            return on_task_request(request)
        except Exception as error:  # noqa: BLE001 - of whatever kind, it is not the task's.
            give_up(request, error)
            return None

    return hand_over


def give_up(request: Any, error: BaseException) -> None:
    """Put a request's message back, to be tried again; after a few times it is set aside."""
    log.error(
        "message.not_ended", task=request.name, task_id=request.id, cause=type(error).__name__
    )
    task_ready(request)
    try:
        request.reject(requeue=True)
    except Exception as failure:  # noqa: BLE001 - the event of it may fail as well.
        log.warning("message.reject_failed", cause=type(failure).__name__)


def _look_at(request: Any, future: Future[Any]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        give_up(request, error)
