"""Calls that are waited for a bounded time, made in threads of their own.

A thread cannot be stopped from outside. A call that never ends keeps its own thread then, and not
the worker's, which would be lost to all other work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from orders_sync.errors import ErpUnavailable

T = TypeVar("T")

_MOST_LOST: Final = 32


class _Job:
    """One call, and how it ended once `ended` can be acquired."""

    def __init__(self, function: Callable[..., Any], args: tuple[object, ...]) -> None:
        self._call = (copy_context(), function, args)
        self._value: Any = None
        self._error: BaseException | None = None
        self.ended = threading.Lock()
        self.ended.acquire()

    def run(self) -> None:
        context, function, args = self._call
        try:
            self._value = context.run(function, *args)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for.
            self._error = error

    def outcome(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class Bounded:
    """Makes calls, and gives each up after `seconds`; threads are kept for the next calls.

    Once `most_lost` calls that were given up have not come back, no further call is made until
    one does.
    """

    def __init__(self, seconds: float, *, most_lost: int = _MOST_LOST) -> None:
        self._seconds = seconds
        self._most_lost = most_lost
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._lost: set[_Job] = set()

    def call(self, function: Callable[..., T], *args: object) -> T:
        """Make a call; what it gives or raises is passed on.

        Raises:
            ErpUnavailable: it takes too long, and may take effect all the same, or it was not made.
        """
        if len(self._lost) >= self._most_lost:
            raise ErpUnavailable(
                f"{len(self._lost)} calls of the ERP's adapter do not come back. Give every call "
                "a time-out, and restart this worker."
            )
        job = _Job(function, args)
        self._free_thread().put(job)
        if not job.ended.acquire(timeout=self._seconds):
            self._lost.add(job)
            # It may have ended meanwhile; where it ends later, its thread strikes it off.
            if not job.ended.acquire(blocking=False):
                raise ErpUnavailable(
                    f"The ERP's adapter did not answer within {self._seconds:g} s; its call may "
                    "still take effect. Give every call a time-out."
                )
            self._lost.discard(job)
        outcome: T = job.outcome()
        return outcome

    def close(self) -> None:
        """Let the threads end that have nothing to do."""
        while self._idle:
            self._idle.pop().put(None)

    def _free_thread(self) -> SimpleQueue[_Job | None]:
        try:
            return self._idle.pop()
        except IndexError:
            jobs: SimpleQueue[_Job | None] = SimpleQueue()
            threading.Thread(target=self._serve, args=(jobs,), name="erp", daemon=True).start()
            return jobs

    def _serve(self, jobs: SimpleQueue[_Job | None]) -> None:
        while (job := jobs.get()) is not None:
            job.run()
            self._idle.append(jobs)
            job.ended.release()
            self._lost.discard(job)
            # An order must not be kept in memory until the next one comes.
            del job
