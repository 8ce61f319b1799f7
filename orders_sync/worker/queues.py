"""The queues, and which task goes to which: a task's name is its address, `<queue>.<verb>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu import Exchange
from kombu import Queue as KombuQueue

from orders_sync.domain.steps import Queue
from orders_sync.errors import ConfigurationError

#: The prefix of the tasks that other services send; they go through the intake queue.
INTAKE = "orders_sync"


def route_by_prefix(intake_queue: str) -> Callable[..., dict[str, str] | None]:
    """Give Celery's router: the prefix of a task's name chooses its queue."""
    routes = {queue.value: {"queue": queue.value} for queue in Queue}
    routes[INTAKE] = {"queue": intake_queue}

    def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
        return routes.get(name.partition(".")[0])

    return route


def declare_queues(intake_queue: str) -> list[KombuQueue]:
    """Declare every queue; Celery may make no others.

    The intake queue is Celery's default one, so that a service needs nothing but the broker's URL.
    """
    exchange = Exchange("orders_sync", type="direct")
    ours = [KombuQueue(queue.value, exchange, routing_key=queue.value) for queue in Queue]
    intake = Exchange(intake_queue, type="direct")
    return [*ours, KombuQueue(intake_queue, intake, routing_key=intake_queue)]


def queue_of(task_name: str) -> Queue:
    """Find the queue that one of our own tasks goes to.

    Raises:
        ConfigurationError: no queue has the name's prefix.
    """
    prefix, _, verb = task_name.partition(".")
    if verb and prefix in set(Queue):
        return Queue(prefix)
    raise ConfigurationError(
        f"The task {task_name} has no queue. Name it <queue>.<verb> with one of: "
        f"{', '.join(Queue)}."
    )
