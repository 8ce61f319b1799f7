"""Calls of an adapter: inside the ERP's breaker, for a bounded time, outcomes many at once."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import structlog

from orders_sync.erp.base import BulkErp, ErpBase
from orders_sync.errors import ErpUnavailable, WaitError

if TYPE_CHECKING:
    from orders_sync.domain.commands import Command, Outcome, Page
    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order
    from orders_sync.erp.base import (
        CancelAnswer,
        ChangeAnswer,
        CommandOutcome,
        Decision,
        Erp,
        Receipt,
    )

log = structlog.get_logger(__name__)

T = TypeVar("T")

Guard = Callable[[], AbstractContextManager[None]]
Traced = Callable[[str], AbstractContextManager[object]]

#: The keys of what an ERP did not take, each with the type of the exception that it met.
NotTaken: TypeAlias = "Mapping[str, type[Exception]]"

_MOST_LOST: Final = 32


class GuardedErp:
    """Passes calls on to an adapter, each inside `guard`, which may refuse it with a `WaitError`.

    A call that takes longer than `seconds` is given up as `ErpUnavailable`, whatever the adapter
    does. A method by which the adapter asks no ERP is not guarded: its success would tell that the
    ERP is there. What passes is `traced` under its method's name. The adapter is closed once
    nothing refers to this any more.
    """

    def __init__(
        self, erp: Erp, guard: Guard, *, seconds: float, traced: Traced = nullcontext
    ) -> None:
        self._erp = erp
        self._guard = guard
        self._traced = traced
        self._bounded = BoundedCalls(seconds)
        # An adapter that another one took the place of ends with the last call that uses it.
        self._end = weakref.finalize(self, _close, self._bounded, erp)
        self._end.atexit = False

    def place_order(self, order: Order) -> Receipt:
        """Put the order into the ERP."""
        with self._guarded("place_order"):
            return self._bounded.call(self._erp.place_order, order)

    @property
    def takes_changes(self) -> bool:
        """Return whether the adapter is to be asked about changes."""
        return self._erp.takes_changes

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Change an order that was placed to what VTEX has."""
        with self._guard_of("order_changed"):
            return self._bounded.call(self._erp.order_changed, order, what)

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Stop the order in the ERP."""
        with self._guarded("cancel_order"):
            return self._bounded.call(self._erp.cancel_order, order_id, reason)

    def consider_cancellation(self, order: Order) -> Decision:
        """Return whether the order may still be cancelled."""
        with self._guard_of("consider_cancellation"):
            return self._bounded.call(self._erp.consider_cancellation, order)

    def pull(self, cursor: str | None) -> Page[Command]:
        """Read what the ERP wants VTEX to know."""
        with self._guard_of("pull"):
            return self._bounded.call(self._erp.pull, cursor)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Write to the ERP how far one of its commands is."""
        with self._guard_of("answer"):
            self._bounded.call(self._erp.answer, command, outcome)

    @property
    def answers_at_once(self) -> int:
        """Return how many outcomes the adapter takes with one call."""
        return self._erp.answers_at_once if isinstance(self._erp, BulkErp) else 1

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Write to the ERP how far some of its commands are, by one call if the adapter can."""
        if isinstance(self._erp, BulkErp) and not self._is_default("answer_all"):
            with self._guarded("answer_all"):
                self._bounded.call(self._erp.answer_all, answers)
            return
        for command, outcome in answers:
            self.answer(command, outcome)

    def check(self) -> str | None:
        """Check whether the ERP can take orders now, whatever the breaker says."""
        return self._erp.check()

    def close(self) -> None:
        """Close connections and threads."""
        self._end()

    def _guard_of(self, method: str) -> AbstractContextManager[None]:
        return nullcontext() if self._is_default(method) else self._guarded(method)

    @contextmanager
    def _guarded(self, method: str) -> Iterator[None]:
        with self._guard(), self._traced(f"erp.{method}"):
            yield

    def _is_default(self, method: str) -> bool:
        return isinstance(self._erp, ErpBase) and not self._erp.asks_erp(method)


def _close(bounded: BoundedCalls, erp: Erp) -> None:
    bounded.close()
    erp.close()


def answer_all(
    erp: Erp, answers: Sequence[CommandOutcome]
) -> Iterator[tuple[Sequence[CommandOutcome], NotTaken]]:
    """Write to an ERP how far its commands are; any adapter will do.

    Yield each lot of answers once it was sent, with those of it that the ERP did not take. They
    stop no other: where a lot is not taken as a whole, its answers are sent one by one.

    Raises:
        ErpUnavailable: the ERP is away; lots that were yielded are sent, the rest is not.
        WaitError: the ERP is left alone for a while, with the same consequence.
    """
    size = erp.answers_at_once if isinstance(erp, BulkErp) else 1
    for start in range(0, len(answers), size):
        lot = answers[start : start + size]
        yield lot, {} if _is_taken_whole(erp, lot) else _answer_each(erp, lot)


def _is_taken_whole(erp: Erp, lot: Sequence[CommandOutcome]) -> bool:
    if len(lot) == 1 or not isinstance(erp, BulkErp):
        return False
    try:
        erp.answer_all(lot)
    except (ErpUnavailable, WaitError):
        raise
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything.
        log.warning("answers.not_taken_at_once", cause=type(error).__name__)
        return False
    return True


def _answer_each(erp: Erp, lot: Sequence[CommandOutcome]) -> NotTaken:
    not_taken: dict[str, type[Exception]] = {}
    for command, outcome in lot:
        try:
            erp.answer(command, outcome)
        except (ErpUnavailable, WaitError):
            raise
        except Exception as error:  # noqa: BLE001 - an adapter may raise anything.
            if command.key is not None:
                not_taken[command.key] = type(error)
    return not_taken


class BoundedCalls:
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
        """Make a call; return or raise what it does.

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
        """End the threads that have nothing to do."""
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
