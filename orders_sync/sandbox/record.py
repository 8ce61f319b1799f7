"""What the sandbox saw: every call, and what came of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

_CALLS_KEPT = 20_000
_CALLS_KEPT_PER_ORDER = 200


class Call(NamedTuple):
    """One call that came in.

    `status` is the HTTP status of its answer. `about` says what took effect: the number of an
    invoice, with the tracking number where that was set, or the reason of a change or cancellation.
    """

    at: float
    call: str
    order_id: str | None
    status: int | Literal["dropped"]
    effect: bool
    over_budget: bool
    about: str | None = None


class Record:
    """Remembers the latest calls, of all and of each order, and counts every one."""

    def __init__(self) -> None:
        self.total = 0
        self.over_budget = 0
        self.by_name: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self._calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self._by_order: dict[str, deque[Call]] = {}

    def add(self, call: Call, concerning: Iterable[str] = ()) -> None:
        """Remember a call, with its own order and with others that it touched."""
        self.total += 1
        self.over_budget += call.over_budget
        self.by_name[call.call] += 1
        self.statuses[str(call.status)] += 1
        self._calls.append(call)
        if call.order_id is not None:
            self._keep(call.order_id, call)
        for order_id in concerning:
            self._keep(order_id, call._replace(order_id=order_id))

    def calls(self, order_id: str | None = None) -> list[Call]:
        """List the calls, oldest first; of one order, with the commits of its events."""
        return list(self._calls if order_id is None else self._by_order.get(order_id, ()))

    def _keep(self, order_id: str, call: Call) -> None:
        kept = self._by_order.setdefault(order_id, deque(maxlen=_CALLS_KEPT_PER_ORDER))
        kept.append(call)
