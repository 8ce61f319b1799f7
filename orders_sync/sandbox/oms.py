"""VTEX's order management: orders, their statuses, and transitions that take their time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from typing import Any

from orders_sync.sandbox import envelopes
from orders_sync.sandbox import workflow as w
from orders_sync.sandbox.dials import Action, Dials, Timetable
from orders_sync.sandbox.documents import draw_document, draw_ids
from orders_sync.sandbox.orders import OmsOrder, spoil
from orders_sync.sandbox.wire import CallRefused, utc_text
from orders_sync.sandbox.workflow import StatusStep, Trouble


@dataclass(frozen=True, slots=True)
class OmsEvent:
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
        self, account: str, random: Random, dials: Dials, publish: Callable[[OmsEvent, float], int]
    ) -> None:
        self.orders: dict[str, OmsOrder] = {}
        self.by_status: Counter[str] = Counter()
        self._account = account
        self._random = random
        self._dials = dials
        self._publish = publish
        self._number = count(1)
        self._timetable = Timetable()

    def create(self, trouble: Trouble, now: float, *, handling: bool = False) -> OmsOrder:
        """Create an order; with `handling`, the seller has taken it over already."""
        ids = draw_ids(self._random, self._account, next(self._number))
        document = draw_document(self._random, ids, self._account, now)
        if trouble is Trouble.MALFORMED:
            document = spoil(document, self._random)
        order = OmsOrder(document, trouble, now, is_completed=trouble is not Trouble.INCOMPLETE)
        self.orders[order.order_id] = order
        self.by_status[str(order.status)] += 1
        self._play(order, trouble, now, 0.0 if handling else self._dials.step_seconds)
        if handling:
            self.handle_in_admin(order, now)
        return order

    def complete(self, order: OmsOrder, now: float) -> bool:
        """Complete an incomplete order after all; return False where it is complete."""
        if order.is_completed:
            return False
        order.is_completed = True
        self._play(order, Trouble.PLAIN, now, self._dials.step_seconds)
        return True

    def settle(self, now: float) -> None:
        """Run everything that is due."""
        self._timetable.run(now)

    def later(self, at: float, action: Action) -> None:
        """Schedule something for a moment, or for the next `settle` where that is past."""
        self._timetable.add(at, action)

    def take(self, order: OmsOrder, now: float, *steps: StatusStep) -> None:
        """Change an order now, whatever it was about to do."""
        order.epoch += 1
        for step in steps:
            self._take(order, step, now)

    def plan(self, order: OmsOrder, at: float, *steps: StatusStep) -> None:
        """Change an order at a moment, unless something else happens to it before."""
        for step in steps:
            self.later(at, partial(self._take_planned, order, order.epoch, step))

    def find(self, order_id: str) -> OmsOrder | None:
        """Find an order as Get order does."""
        order = self.orders.get(order_id)
        return None if order is None or order.vanished else order

    def require(self, order_id: str) -> OmsOrder:
        """Find an order as the calls that change it do; raise Refusal where there is none."""
        order = self.find(order_id)
        if order is None:
            raise CallRefused(envelopes.order_not_found())
        return order

    def start_handling(self, order: OmsOrder, now: float) -> bool:
        """Start handling; it becomes `handling` a while later. False: the status forbids it."""
        if order.status != w.READY_FOR_HANDLING:
            return False
        order.start_handling_effects += 1
        order.handling_at = order.handling_at or now
        self._take(order, w.START_HANDLING, now)
        self.plan(order, now + self._dials.handling_seconds, w.HANDLING)
        self.settle(now)
        return True

    def replace(self, order: OmsOrder, now: float) -> bool:
        """Replace an order by another; return False where it has ended already."""
        if order.status in w.ENDED or order.invoiced_cents:
            return False
        self.take(order, now, w.REPLACED)
        return True

    def handle_in_admin(self, order: OmsOrder, now: float) -> bool:
        """Start handling as a person in the Admin; False: the order is not ready for it."""
        if order.status != w.READY_FOR_HANDLING:
            return False
        self._take(order, w.START_HANDLING, now)
        self._take(order, w.HANDLING, now)
        return True

    def _play(self, order: OmsOrder, trouble: Trouble, now: float, pace: float) -> None:
        path = w.path_of(trouble)
        for index, step in enumerate(path.paced):
            self.plan(order, now + index * pace, step)
        self.plan(order, now + len(path.paced) * pace, *path.last)
        self.settle(now)

    def _take_planned(self, order: OmsOrder, epoch: int, step: StatusStep, now: float) -> None:
        if epoch == order.epoch:
            self._take(order, step, now)

    def _take(self, order: OmsOrder, step: StatusStep, now: float) -> None:
        if step.moves:
            self.by_status[str(order.status)] -= 1
            self.by_status[str(step.state)] += 1
            order.enter(step.state, now)
        event = self._event(order, step, now)
        taken = self._publish(event, now)
        order.events_emitted += taken
        if taken and step == w.READY and order.ready_at is None:
            order.ready_at = now

    def _event(self, order: OmsOrder, step: StatusStep, now: float) -> OmsEvent:
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
        chance = self._dials.feed_without_change
        if chance and self._random.random() < chance:
            item["currentChange"] = None
        if step.poison:
            self._poison(item)
        return OmsEvent(order.order_id, step.state, item, step.stray)

    def _poison(self, item: dict[str, Any]) -> None:
        match self._random.randrange(3):
            case 0:
                del item["orderId"]
            case 1:
                item.update(orderId=None, domain=None, currentChange=None)
            case _:
                item.update(orderId=12, state=["ready-for-handling"])
