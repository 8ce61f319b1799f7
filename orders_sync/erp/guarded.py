"""An ERP that is left alone while it fails: every call passes its breaker, and is bounded."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from orders_sync.erp.answers import BulkErp
from orders_sync.erp.base import ErpBase
from orders_sync.erp.bounded import Bounded

if TYPE_CHECKING:
    from orders_sync.domain.commands import Command, Outcome, Page
    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order
    from orders_sync.erp.answers import CommandOutcome
    from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision, Erp, Receipt

Guard = Callable[[], AbstractContextManager[None]]
Traced = Callable[[str], AbstractContextManager[object]]


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
        self._bounded = Bounded(seconds)
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
        """Have an order that was placed as VTEX has it by this time."""
        with self._guard_of("order_changed"):
            return self._bounded.call(self._erp.order_changed, order, what)

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Stop the order in the ERP."""
        with self._guarded("cancel_order"):
            return self._bounded.call(self._erp.cancel_order, order_id, reason)

    def consider_cancellation(self, order: Order) -> Decision:
        """Say whether the order may still be cancelled."""
        with self._guard_of("consider_cancellation"):
            return self._bounded.call(self._erp.consider_cancellation, order)

    def pull(self, cursor: str | None) -> Page[Command]:
        """Read what the ERP wants VTEX to know."""
        with self._guard_of("pull"):
            return self._bounded.call(self._erp.pull, cursor)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Tell the ERP how far one of its commands is."""
        with self._guard_of("answer"):
            self._bounded.call(self._erp.answer, command, outcome)

    @property
    def answers_at_once(self) -> int:
        """Return how many outcomes the adapter takes with one call."""
        return self._erp.answers_at_once if isinstance(self._erp, BulkErp) else 1

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Tell the ERP how far some of its commands are, as one call if the adapter can."""
        if isinstance(self._erp, BulkErp) and not self._is_default("answer_all"):
            with self._guarded("answer_all"):
                self._bounded.call(self._erp.answer_all, answers)
            return
        for command, outcome in answers:
            self.answer(command, outcome)

    def check(self) -> str | None:
        """Find out whether the ERP can take orders now, whatever the breaker says."""
        return self._erp.check()

    def close(self) -> None:
        """Give back connections and threads."""
        self._end()

    def _guard_of(self, method: str) -> AbstractContextManager[None]:
        return nullcontext() if self._is_default(method) else self._guarded(method)

    @contextmanager
    def _guarded(self, method: str) -> Iterator[None]:
        with self._guard(), self._traced(f"erp.{method}"):
            yield

    def _is_default(self, method: str) -> bool:
        return isinstance(self._erp, ErpBase) and not self._erp.asks_erp(method)


def _close(bounded: Bounded, erp: Erp) -> None:
    bounded.close()
    erp.close()
