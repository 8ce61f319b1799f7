"""The queues, and which task goes to which: a task's name is its address, `<queue>.<verb>`."""

from __future__ import annotations

from enum import StrEnum

from kombu import Exchange
from kombu import Queue as KombuQueue

from orders_sync.errors import ConfigurationError


class Queue(StrEnum):
    """A queue for each kind of work, so that none waits behind another."""

    FEED = "feed"
    ORDERS = "orders"
    ERP = "erp"
    INVOICE = "invoice"
    TRACKING = "tracking"
    CANCEL = "cancel"
    CHANGE = "change"
    UPKEEP = "upkeep"


#: What Celery is given: the prefix of a task's name chooses its queue.
TASK_ROUTES = {f"{queue}.*": {"queue": queue.value} for queue in Queue}


def declare_queues() -> list[KombuQueue]:
    """Declare every queue; Celery may make no others."""
    exchange = Exchange("orders_sync", type="direct")
    return [KombuQueue(queue.value, exchange, routing_key=queue.value) for queue in Queue]


def queue_of(task_name: str) -> Queue:
    """Find the queue that a task goes to.

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
