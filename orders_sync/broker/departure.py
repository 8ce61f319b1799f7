"""How a worker leaves: what has not begun goes back at once, and a second signal waits for nothing.

Celery itself gives back only after the last task has ended, and hears of no second SIGTERM.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog
from celery import signals
from celery.worker import state

log = structlog.get_logger(__name__)

#: The exit status of a worker that was forced to end, as Celery's own cold shutdown has it.
_FORCED_STATUS = 1


def begin_nothing_more(consumer: Any) -> set[str]:
    """Have a consumer's threads begin nothing more; give the tags of what they have not begun.

    A pool of processes may begin what it was handed at any moment: of its messages, only those are
    given that are not due yet.
    """
    waiting = _copied(state.scheduled_requests)
    executor = getattr(consumer.pool, "executor", None)
    if executor is not None:
        # Celery's pool does so as well, and waits for those that run.
        executor.shutdown(wait=False, cancel_futures=True)
        waiting |= _copied(state.reserved_requests)
    begun = _copied(state.active_requests)
    return {request.message.delivery_tag for request in waiting - begun}


def give_back(consumer: Any, tags: set[str]) -> None:
    """Put back messages of a consumer that takes nothing more, so that others have them."""
    channel = consumer.task_consumer.channel if consumer.task_consumer else None
    if channel is None or not channel.is_connected:
        return
    try:
        number = channel.give_back(tags)
    except channel.connection_errors as error:
        log.info("messages.not_given_back", cause=type(error).__name__)
    else:
        log.info("messages.given_back", number=number)


class ForcedEnd:
    """Ends a worker at once when SIGTERM comes after it was told to stop."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        signals.worker_shutting_down.connect(self._wait_for_second)

    def _wait_for_second(self, **_: Any) -> None:
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_: object) -> None:
        # Threads cannot be stopped, and Python would wait for them. What they were at stays
        # recorded as taken, and goes on with others.
        os.write(2, b"orders-sync: forced to end; what runs is given to other workers.\n")
        with suppress(Exception):
            self._consumer.task_consumer.channel.vanish()
        os._exit(_FORCED_STATUS)


def _copied(requests: Iterable[Any]) -> set[Any]:
    """Copy a set that the threads of tasks change meanwhile."""
    while True:
        try:
            return set(requests)
        except RuntimeError:
            continue
