"""What the ERP and another service ask of VTEX in a demo, once orders are in the ERP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Protocol

from orders_sync.demo.edited_orders import EditedOrders, ToldErp
from orders_sync.demo.environment import ACCOUNT
from orders_sync.demo.fates import DEMO_ROUND, OF_SERVICE, Fate, deal
from orders_sync.demo.played_service import PlayedService, messages
from orders_sync.demo.records import Answer, AskedCommand, ErpOrder, VtexOrder
from orders_sync.demo.wishes import Wish, wishes


class PlayedPeople(Protocol):
    """An ERP of a demo, with the people who work there."""

    @property
    def asked(self) -> Sequence[AskedCommand]:
        """What they asked for so far."""

    @property
    def answered(self) -> int:
        """How many of their commands are done or refused."""

    @property
    def is_content(self) -> bool:
        """Whether all that they asked for was answered."""

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that nobody has taken, the oldest first, but for those in `known`."""

    def take(self, order: ErpOrder, wishes: Sequence[Wish]) -> object:
        """Take an order, and ask for what is wanted; nothing if it was cancelled meanwhile."""

    def tend(self) -> None:
        """Ask for what waited for an order's other commands, where those are done."""

    def answers(self) -> dict[int, Answer]:
        """Read the answers, by row."""

    def orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that the ERP was given."""

    def close(self) -> None:
        """Close the connections."""


class Demand:
    """Deals a fate to each order that the ERP gets; call `tend` often.

    `erp` is played by whoever works with it. The same seed deals the same fates; which order gets
    which depends on who arrives first. `shares` says how often each fate comes. `edit` changes a
    part of an order at VTEX, as a person does there, for an ERP that says what it was told; where
    it `asks_to_read`, it has such orders read again.
    """

    def __init__(
        self,
        erp: PlayedPeople,
        outbox: Path,
        see: Callable[[str], VtexOrder],
        edit: Callable[[str, str], bool],
        random: Random,
        clock: Callable[[], float],
        *,
        asks_to_read: bool = True,
        account: str = ACCOUNT,
        shares: Mapping[Fate, int] = DEMO_ROUND,
    ) -> None:
        self._erp = erp
        self._service = PlayedService(outbox, account, see, clock)
        self._edited = (
            EditedOrders(erp, see, edit, clock, asks=asks_to_read)
            if isinstance(erp, ToldErp)
            else None
        )
        self._random = random
        self._fates = deal(random, shares)
        self._numbers = (f"{number:06}" for number in itertools.count(1))
        self._passed_on: set[str] = set()

    def tend(self) -> None:
        """Ask for what is due."""
        for order in self._erp.new_orders(self._passed_on):
            fate, number = next(self._fates), next(self._numbers)
            if fate in OF_SERVICE:
                self._passed_on.add(order.order_id)
                self._service.take(order, messages(fate, order, number, self._random))
                continue
            wanted = wishes(fate, order, number, self._random)
            if fate is Fate.EDITED_IN_ADMIN and self._edited is not None:
                self._edited.take(order, wanted)
            else:
                self._erp.take(order, wanted)
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
        return tuple(one for one in self.asked if one.has_to_last)

    @property
    def answered(self) -> int:
        """How many commands were answered, or are seen in effect where another service asked."""
        return self._erp.answered + self._service.answered

    @property
    def is_met(self) -> bool:
        """Whether everything so far was answered, and no order has come since it was looked for."""
        parts = (self._erp, self._edited, self._service)
        is_content = all(part is None or part.is_content for part in parts)
        return is_content and not self._erp.new_orders(self._passed_on)

    def answers(self) -> Mapping[int, Answer]:
        """Read what the ERP was answered, by row."""
        return self._erp.answers()

    def erp_orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that the ERP was given."""
        return self._erp.orders()

    def close(self) -> None:
        """Close the ERP's database."""
        self._erp.close()
