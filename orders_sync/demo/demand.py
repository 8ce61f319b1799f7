"""What the ERP and another service ask of VTEX in a demo, once orders are in the ERP."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol, runtime_checkable

from orders_sync.demo.environment import ACCOUNT
from orders_sync.demo.records import AskedCommand, CommandAnswer, ErpOrder, ParcelEvent, VtexOrder
from orders_sync.demo.scenarios import (
    DEMO_ROUND,
    OF_SERVICE,
    DraftCommand,
    Scenario,
    deal,
    draft_commands,
    draw_journey,
)
from orders_sync.demo.settled import is_in_effect
from orders_sync.domain.rules import CANCELLED, IN_HANDLING
from orders_sync.embedded.home import write_privately

#: What is edited, where the order has it: a piece less, another street, another carrier, and the
#: acquirer's code. A change of the items is made a while later.
EDITS: Final = ("items", "address", "carrier", "authorization")
_ASK_EVERY_SECONDS: Final = 2.0
_LOOK_EVERY_SECONDS = 1.0
_ORDERS_A_LOOK = 50


class PlayedErp(Protocol):
    """An ERP of a demo, with the people who work there."""

    @property
    def asked(self) -> Sequence[AskedCommand]:
        """What they asked for so far."""

    @property
    def answered(self) -> int:
        """How many of their commands are done or refused."""

    @property
    def is_answered(self) -> bool:
        """Whether all that they asked for was answered."""

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that nobody has taken, the oldest first, but for those in `known`."""

    def take(self, order: ErpOrder, drafts: Sequence[DraftCommand]) -> object:
        """Take an order, and ask for what is wanted; nothing if it was cancelled meanwhile."""

    def tend(self) -> None:
        """Send what waited for an order's other commands, where those are done."""

    def answers(self) -> dict[int, CommandAnswer]:
        """Read the answers, by row."""

    def orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that the ERP was given."""

    def close(self) -> None:
        """Close the connections."""


@runtime_checkable
class ToldErp(Protocol):
    """An ERP that is told of changes of the orders that it has taken."""

    def take(
        self, order: ErpOrder, drafts: Sequence[DraftCommand], *, takes_changes: bool = False
    ) -> bool:
        """Take an order, and ask for what is wanted; False if it was cancelled meanwhile.

        One that `takes_changes` may be changed afterwards.
        """

    def changes(self, order_id: str) -> tuple[tuple[int, str], ...]:
        """Read what it was told that changed of an order, by revision."""

    def close_order(self, order_id: str, drafts: Sequence[DraftCommand]) -> bool:
        """Take no more changes of an order, and ask for what is wanted; False: not yet."""

    def ask_to_read(self, order_id: str) -> None:
        """Send the command to read an order again from VTEX."""


class Demand:
    """Deals a scenario to each order that the ERP gets; call `tend` often.

    The same seed deals the same scenarios; which order gets which depends on the order of arrival.
    `shares` says how often each scenario comes. `edit` changes a part of an order at VTEX, as a
    person does there, for an ERP that records what it was told; where it `asks_to_read`, it has
    such orders read again.
    """

    def __init__(
        self,
        erp: PlayedErp,
        outbox: Path,
        see: Callable[[str], VtexOrder],
        edit: Callable[[str, str], bool],
        random: Random,
        clock: Callable[[], float],
        *,
        asks_to_read: bool = True,
        account: str = ACCOUNT,
        shares: Mapping[Scenario, int] = DEMO_ROUND,
    ) -> None:
        self._erp = erp
        self._service = PlayedService(outbox, account, see, clock)
        self._edited = (
            EditedOrders(erp, see, edit, clock, asks=asks_to_read)
            if isinstance(erp, ToldErp)
            else None
        )
        self._random = random
        self._scenarios = deal(random, shares)
        self._numbers = (f"{number:06}" for number in itertools.count(1))
        self._passed_on: set[str] = set()

    def tend(self) -> None:
        """Send the commands that are due."""
        for order in self._erp.new_orders(self._passed_on):
            scenario, number = next(self._scenarios), next(self._numbers)
            if scenario in OF_SERVICE:
                self._passed_on.add(order.order_id)
                self._service.take(order, messages(scenario, order, number, self._random))
                continue
            drafts = draft_commands(scenario, order, number, self._random)
            if scenario is Scenario.EDITED_IN_ADMIN and self._edited is not None:
                self._edited.take(order, drafts)
            else:
                self._erp.take(order, drafts)
        if self._edited is not None:
            self._edited.tend()
        self._erp.tend()
        self._service.tend()

    def leave_alone(self, order_id: str) -> None:
        """Never ask for anything for an order, also if it comes later."""
        self._passed_on.add(order_id)

    @property
    def asked(self) -> tuple[AskedCommand, ...]:
        """All that was asked for so far."""
        return (*self._erp.asked, *self._service.asked)

    @property
    def wanted(self) -> tuple[AskedCommand, ...]:
        """What of it has to last."""
        return tuple(asked for asked in self.asked if asked.has_to_last)

    @property
    def answered(self) -> int:
        """How many commands were answered, or are seen in effect where another service asked."""
        return self._erp.answered + self._service.answered

    @property
    def is_met(self) -> bool:
        """Whether everything so far was answered, and no order has come since it was looked for."""
        parts = (self._erp, self._edited, self._service)
        is_answered = all(part is None or part.is_answered for part in parts)
        return is_answered and not self._erp.new_orders(self._passed_on)

    def answers(self) -> Mapping[int, CommandAnswer]:
        """Read what the ERP was answered, by row."""
        return self._erp.answers()

    def erp_orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that the ERP was given."""
        return self._erp.orders()

    def close(self) -> None:
        """Close the ERP's database."""
        self._erp.close()


@dataclass(slots=True)
class _Edited:
    """An order that waits to be edited, or for its ERP to be told of the edits that were made."""

    drafts: Sequence[DraftCommand]
    edits: list[str] = field(default_factory=list)
    look_at: float = 0.0


class EditedOrders:
    """Edits orders, and has their ERP ask for what it wants once it was told.

    `see` reads an order at VTEX, and `edit` changes a part of it there; False where it has no such
    part. VTEX tells nobody of it: where the ERP `asks`, it has the order read again until it is
    told; else that is left to reconciling.
    """

    def __init__(
        self,
        erp: ToldErp,
        see: Callable[[str], VtexOrder],
        edit: Callable[[str, str], bool],
        clock: Callable[[], float],
        *,
        asks: bool,
    ) -> None:
        self._erp = erp
        self._see = see
        self._edit = edit
        self._clock = clock
        self._asks = asks
        self._open: dict[str, _Edited] = {}

    @property
    def is_answered(self) -> bool:
        """Whether the ERP was told of every edit."""
        return not self._open

    def take(self, order: ErpOrder, drafts: Sequence[DraftCommand]) -> None:
        """Take an order in the ERP that may still change."""
        if self._erp.take(order, (), takes_changes=True):
            self._open[order.order_id] = _Edited(drafts)

    def tend(self) -> None:
        """Edit what is in handling, and go on with what the ERP was told of."""
        for order_id, edited in list(self._open.items()):
            if self._clock() < edited.look_at:
                continue
            edited.look_at = self._clock() + _ASK_EVERY_SECONDS
            order = self._see(order_id)
            if order.status in CANCELLED:
                del self._open[order_id]
            elif not edited.edits:
                if order.status in IN_HANDLING:
                    edited.edits = [part for part in EDITS if self._edit(order_id, part)]
            elif self._is_told(order) and self._erp.close_order(order_id, edited.drafts):
                del self._open[order_id]
            elif self._asks:
                self._erp.ask_to_read(order_id)

    def _is_told(self, order: VtexOrder) -> bool:
        told = {what for _, what in self._erp.changes(order.order_id)}
        return order.edits_are_made and all(words & told for words in order.edited_parts())


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
    def is_answered(self) -> bool:
        """Whether all that it asked for is in effect."""
        return not self._open

    def take(self, order: ErpOrder, messages: list[TaskMessage]) -> None:
        """Send an order's messages."""
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


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """A task to trigger by name, and what it asks for."""

    asked: AskedCommand
    task: str
    arguments: Mapping[str, Any]


def messages(scenario: Scenario, order: ErpOrder, number: str, random: Random) -> list[TaskMessage]:
    """Return what the service triggers for an order; `number` is the one of its invoice."""
    if scenario is Scenario.CANCELLED_BY_SERVICE:
        reason = "Endereço fora da área de entrega"
        asked = AskedCommand(order.order_id, "cancel", words=reason)
        return [TaskMessage(asked, "orders_sync.cancel", {"reason": reason})]
    tasks = [_invoice(order, number), *_tracking(order, number, draw_journey(random))]
    if scenario is Scenario.NOTED_BY_SERVICE:
        text = f"Nota {number} emitida"
        asked = AskedCommand(order.order_id, "note", words=text)
        tasks.append(TaskMessage(asked, "orders_sync.note", {"message": text}))
    random.shuffle(tasks)
    return tasks


def _invoice(order: ErpOrder, number: str) -> TaskMessage:
    asked = AskedCommand(order.order_id, "invoice", number)
    invoice = {"number": number, "value_cents": order.value_cents}
    return TaskMessage(asked, "orders_sync.invoice", {"invoice": invoice})


def _tracking(
    order: ErpOrder, number: str, journey: tuple[ParcelEvent, ...]
) -> Iterator[TaskMessage]:
    code = f"BR{number}"
    data = {"tracking_number": code, "courier": "Transportadora Ipê"}
    yield _track(AskedCommand(order.order_id, "track", number, tracking_number=code), data)
    for event in journey:
        is_last = event is journey[-1]
        asked = AskedCommand(order.order_id, "track", number, events=(event,), is_delivered=is_last)
        fields = {name: getattr(event, name) for name in ("description", "city", "state", "date")}
        yield _track(asked, {"events": [fields], "delivered": is_last})


def _track(asked: AskedCommand, tracking: Mapping[str, Any]) -> TaskMessage:
    arguments = {"invoice_number": asked.number, "tracking": tracking}
    return TaskMessage(asked, "orders_sync.track", arguments)
