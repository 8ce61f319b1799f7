"""What an ERP adapter is tested with, the same for every suite of its promises."""
# ruff: noqa: S101 -- a test asserts

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from orders_sync.domain.commands import Command
from orders_sync.domain.order import Order
from orders_sync.erp.base import CommandOutcome, Erp
from orders_sync.erp.guarded import answer_all
from orders_sync.testing.factories import make_order

#: Tells an ERP some outcomes.
Tell = Callable[[Erp, Sequence[CommandOutcome]], None]


def tell_each(erp: Erp, answers: Sequence[CommandOutcome]) -> None:
    """Pass outcomes to an ERP by one call each."""
    for command, outcome in answers:
        erp.answer(command, outcome)


def tell_all(erp: Erp, answers: Sequence[CommandOutcome]) -> None:
    """Pass outcomes to an ERP by as few calls as its adapter can; it takes each."""
    not_taken = [lot_not_taken for _, lot_not_taken in answer_all(erp, answers)]
    assert not any(not_taken)


class ErpHooks:
    """What a suite asks of the adapter's author, and the fixtures that are made of it."""

    #: Why no call of the adapter can fail, for one that asks nobody; any other has `troubles`.
    cannot_fail: ClassVar[str | None] = None

    def create(self, home: Path) -> Erp:
        """Build a new instance; instances with the same `home` work on the same ERP."""
        raise NotImplementedError("Build the adapter that is tested.")

    def fulfils(self, home: Path, order_id: str) -> bool | None:
        """Return whether the ERP, as it is, would ship the order; None if it cannot be asked."""
        raise NotImplementedError("Say what the ERP would do with an order.")

    def order(self, order_id: str) -> Order:
        """Make an order that the ERP can take."""
        return make_order(order_id)

    def placed_count(self, home: Path, order_id: str) -> int | None:
        """Count the ERP's orders under that id; None where the ERP cannot be asked."""
        del home, order_id
        return None

    def placed_lines(self, home: Path, order_id: str) -> Sequence[tuple[str, int]] | None:
        """List SKU and quantity of the ERP's lines, in order; None if it cannot be asked."""
        del home, order_id
        return None

    def command(self, order_id: str) -> Command:
        """Make a command that the ERP's people can give."""
        return Command("cancel", order_id, {"reason": "Out of stock"})

    def issue(self, home: Path, command: Command) -> bool:
        """Issue the command as the ERP's people do; return False where this adapter issues none."""
        del home, command
        return False

    def told(self, home: Path, order_id: str) -> str | None:
        """Return which kind of outcome the ERP shows for the order's command; None if it cannot."""
        del home, order_id
        return None

    def troubles(self, home: Path) -> Iterable[AbstractContextManager[object]]:
        """Return ways in which the ERP fails for as long as each lasts: cut off, slow, lying."""
        raise NotImplementedError("Make the ERP fail, or say in cannot_fail why no call can.")

    @pytest.fixture
    def erp(self, tmp_path: Path) -> Iterator[Erp]:
        """Yield the adapter under test."""
        with closing(self.create(tmp_path)) as erp:
            yield erp

    @pytest.fixture
    def second_erp(self, tmp_path: Path) -> Iterator[Erp]:
        """Yield another instance on the same ERP, as another worker process has one."""
        with closing(self.create(tmp_path)) as erp:
            yield erp

    @pytest.fixture(params=["answer", "answer_all"])
    def tell(self, request: pytest.FixtureRequest) -> Tell:
        """Return each of the two ways to pass an ERP how far its commands are."""
        return tell_each if request.param == "answer" else tell_all

    @pytest.fixture
    def new_id(self) -> Callable[[], str]:
        """Return order ids that no test used before, even where the ERP outlives the tests."""
        return lambda: f"{uuid4().int % 10**13:013d}-01"

    def _assert_placed_once(self, home: Path, order: Order) -> None:
        assert self.placed_count(home, order.order_id) in {None, 1}
