"""VTEX's order management: orders, their statuses, and transitions that take their time."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from orders_sync.sandbox import workflow as w
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.documents import draw_document
from orders_sync.sandbox.order_ids import draw_ids
from orders_sync.sandbox.orders import Order, spoil
from orders_sync.sandbox.timestamps import utc_text
from orders_sync.sandbox.workflow import Step, Trouble

#: Statuses from which neither the shopper nor the platform can take an order back.
_ENDED = frozenset({"cancel", "canceled", "replaced", "invoiced"})


@dataclass(frozen=True, slots=True)
class Event:
    """A change of an order, as the feed tells of it; `item` lacks only the handle."""

    order_id: str
    state: str | None
    item: dict[str, Any]
    stray: bool


class Oms:
    """Keeps the orders of one account; it knows no clock, so every call says when it is.

    `publish` takes each event and says how many queues took it.
    """

    def __init__(
        self, account: str, random: Random, dials: Dials, publish: Callable[[Event, float], int]
    ) -> None:
        self.orders: dict[str, Order] = {}
        self.by_status: Counter[str] = Counter()
        self._account = account
        self._random = random
        self._dials = dials
        self._publish = publish
        self._number = count(1)
        self._sequence = count()
        self._pending: list[tuple[float, int, int, Order, Step]] = []

    def create(self, trouble: Trouble, now: float) -> Order:
        """Let a shopper buy something."""
        ids = draw_ids(self._random, self._account, next(self._number))
        document = draw_document(self._random, ids, self._account, now)
        if trouble is Trouble.MALFORMED:
            document = spoil(document, self._random)
        order = Order(document, trouble, now, is_completed=trouble is not Trouble.INCOMPLETE)
        self.orders[order.order_id] = order
        self.by_status[str(order.status)] += 1
        self._play(order, trouble, now)
        return order

    def complete(self, order: Order, now: float) -> bool:
        """Let an incomplete order enter the workflow after all; False: it is complete."""
        if order.is_completed:
            return False
        order.is_completed = True
        self._play(order, Trouble.PLAIN, now)
        return True

    def settle(self, now: float) -> None:
        """Let everything happen that is due."""
        while self._pending and self._pending[0][0] <= now:
            at, _, epoch, order, step = heapq.heappop(self._pending)
            if epoch == order.epoch:
                self._take(order, step, at)

    def find(self, order_id: str) -> Order | None:
        """Find an order as Get order does."""
        order = self.orders.get(order_id)
        return None if order is None or order.vanished else order

    def start_handling(self, order: Order, now: float) -> bool:
        """Start handling; it becomes `handling` a while later. False: the status forbids it."""
        if order.status != w.READY_FOR_HANDLING:
            return False
        order.start_handling_effects += 1
        order.handling_at = order.handling_at or now
        self._take(order, w.START_HANDLING, now)
        self._plan(order, (w.HANDLING,), now + self._dials.handling_seconds)
        self.settle(now)
        return True

    def cancel(self, order: Order, now: float, *, request: bool = False) -> bool:
        """Cancel as the shopper or the platform does; False: the order has ended already.

        With `request`, VTEX waits for the seller: `cancellation-requested`.
        """
        if order.status in _ENDED:
            return False
        order.epoch += 1
        if request:
            self._plan(order, w.CANCELLATION_REQUESTED, now)
        else:
            self._take(order, w.CANCEL, now)
            self._plan(order, w.CANCELED, now + self._dials.cancel_seconds)
        self.settle(now)
        return True

    def replace(self, order: Order, now: float) -> bool:
        """Let another order take this one's place; False: the order has ended already."""
        if order.status in _ENDED:
            return False
        order.epoch += 1
        self._take(order, w.REPLACED, now)
        return True

    def handle_in_admin(self, order: Order, now: float) -> bool:
        """Start handling as a person in the Admin; False: the order is not ready for it."""
        if order.status != w.READY_FOR_HANDLING:
            return False
        self._take(order, w.START_HANDLING, now)
        self._take(order, w.HANDLING, now)
        return True

    def _play(self, order: Order, trouble: Trouble, now: float) -> None:
        script, pace = w.script_of(trouble), self._dials.step_seconds
        for index, step in enumerate(script.paced):
            self._plan(order, (step,), now + index * pace)
        self._plan(order, script.last, now + len(script.paced) * pace)
        self.settle(now)

    def _plan(self, order: Order, steps: Iterable[Step], at: float) -> None:
        for step in steps:
            entry = (at, next(self._sequence), order.epoch, order, step)
            heapq.heappush(self._pending, entry)

    def _take(self, order: Order, step: Step, now: float) -> None:
        if step.moves:
            self.by_status[str(order.status)] -= 1
            self.by_status[str(step.state)] += 1
            order.enter(step.state, now)
        event = self._event(order, step, now)
        taken = self._publish(event, now)
        order.events_emitted += taken
        if taken and step == w.READY and order.ready_at is None:
            order.ready_at = now

    def _event(self, order: Order, step: Step, now: float) -> Event:
        last_change = utc_text(order.last_change_ticks or order.stamp(now))
        item: dict[str, Any] = {
            "eventId": f"{self._random.getrandbits(128):032X}",
            "domain": step.domain,
            "state": step.state,
            "lastState": order.last_states.get(step.domain),
            "orderId": order.order_id,
            "lastChange": last_change,
            "currentChange": utc_text(order.stamp(now)),
        }
        order.last_states[step.domain] = step.state
        if step.poison:
            self._poison(item)
        return Event(order.order_id, step.state, item, step.stray)

    def _poison(self, item: dict[str, Any]) -> None:
        match self._random.randrange(3):
            case 0:
                del item["orderId"]
            case 1:
                item.update(orderId=None, domain=None, currentChange=None)
            case _:
                item.update(orderId=12, state=["ready-for-handling"])
