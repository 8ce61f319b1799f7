"""What the other service of a demo does for its orders, and how it sees that it was done."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from orders_sync.demo.asked import is_in_effect
from orders_sync.demo.fates import Fate
from orders_sync.demo.parcels import draw_journey
from orders_sync.demo.records import AskedCommand, ErpOrder, ParcelEvent, VtexOrder
from orders_sync.embedded.home import write_privately

_LOOK_EVERY_SECONDS = 1.0
_ORDERS_A_LOOK = 50


@dataclass(frozen=True, slots=True)
class Message:
    """A task to trigger by name, and what it asks for."""

    asked: AskedCommand
    task: str
    arguments: Mapping[str, Any]


class PlayedService:
    """Puts messages into the outbox that the other service's process sends from.

    A message stays there until VTEX shows its effect; `see` reads an order there.
    """

    def __init__(
        self,
        outbox: Path,
        account: str,
        see: Callable[[str], VtexOrder],
        clock: Callable[[], float],
    ) -> None:
        outbox.mkdir(parents=True, exist_ok=True)
        self._outbox = outbox
        self._account = account
        self._see = see
        self._clock = clock
        self._look_at = clock()
        self._names = (f"{number:06}.json" for number in itertools.count(1))
        self._open: dict[str, dict[Path, AskedCommand]] = {}
        self.asked: list[AskedCommand] = []

    @property
    def answered(self) -> int:
        """How many of its commands are in effect."""
        return len(self.asked) - sum(map(len, self._open.values()))

    @property
    def is_content(self) -> bool:
        """Whether all that it asked for is in effect."""
        return not self._open

    def take(self, order: ErpOrder, messages: list[Message]) -> None:
        """Have an order's messages sent."""
        waiting = self._open[order.order_id] = {}
        for message in messages:
            path = self._outbox / next(self._names)
            kwargs = {
                "account": self._account,
                "order_id": order.order_id,
                "key": f"service-{path.stem}",
                **message.arguments,
            }
            write_privately(path, json.dumps({"task": message.task, "kwargs": kwargs}))
            waiting[path] = message.asked
            self.asked.append(message.asked)

    def tend(self) -> None:
        """Look what is in effect, now and then, the oldest orders first."""
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + _LOOK_EVERY_SECONDS
        for order_id in list(itertools.islice(self._open, _ORDERS_A_LOOK)):
            order, waiting = self._see(order_id), self._open[order_id]
            for path in [path for path, asked in waiting.items() if is_in_effect(asked, order)]:
                path.unlink()
                del waiting[path]
            if not waiting:
                del self._open[order_id]


def messages(fate: Fate, order: ErpOrder, number: str, random: Random) -> list[Message]:
    """Say what the service triggers for an order; `number` is the one of its invoice."""
    if fate is Fate.CANCELLED_BY_SERVICE:
        reason = "Endereço fora da área de entrega"
        asked = AskedCommand(order.order_id, "cancel", words=reason)
        return [Message(asked, "orders_sync.cancel", {"reason": reason})]
    found = [_invoice(order, number), *_tracking(order, number, draw_journey(random))]
    if fate is Fate.NOTED_BY_SERVICE:
        text = f"Nota {number} emitida"
        asked = AskedCommand(order.order_id, "note", words=text)
        found.append(Message(asked, "orders_sync.note", {"message": text}))
    random.shuffle(found)
    return found


def _invoice(order: ErpOrder, number: str) -> Message:
    asked = AskedCommand(order.order_id, "invoice", number)
    invoice = {"number": number, "value_cents": order.value_cents}
    return Message(asked, "orders_sync.invoice", {"invoice": invoice})


def _tracking(order: ErpOrder, number: str, journey: tuple[ParcelEvent, ...]) -> Iterator[Message]:
    code = f"BR{number}"
    data = {"tracking_number": code, "courier": "Transportadora Ipê"}
    yield _track(AskedCommand(order.order_id, "track", number, tracking_number=code), data)
    for event in journey:
        is_last = event is journey[-1]
        asked = AskedCommand(order.order_id, "track", number, events=(event,), is_delivered=is_last)
        fields = {name: getattr(event, name) for name in ("description", "city", "state", "date")}
        yield _track(asked, {"events": [fields], "delivered": is_last})


def _track(asked: AskedCommand, tracking: Mapping[str, Any]) -> Message:
    arguments = {"invoice_number": asked.number, "tracking": tracking}
    return Message(asked, "orders_sync.track", arguments)
