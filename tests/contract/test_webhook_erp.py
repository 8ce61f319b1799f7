"""The adapter `webhook` and the receiver of its docs keep the promises of the ERP port together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TypeVar

import pytest
from support.faulty_way import FAULTS, faulty_way_to
from support.webhook_erp import FOLDER, SECRET, Books, running_receiver

from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, CommandOutcome, Decision, Erp, Receipt
from orders_sync.erp.webhook import WebhookErp
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable
from orders_sync.testing.erp_suite import ErpSuite
from orders_sync.testing.factories import make_order

T = TypeVar("T")

OPTIONS = {"secret": SECRET, "read_seconds": 0.5}

_TRIES = 200
_MOST_LINES = 60


class PatientErp(WebhookErp):
    """The adapter as workers use it: what is not answered is asked again."""

    def place_order(self, order: Order) -> Receipt:
        return self._patiently(lambda: WebhookErp.place_order(self, order))

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        return self._patiently(lambda: WebhookErp.order_changed(self, order, what))

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        return self._patiently(lambda: WebhookErp.cancel_order(self, order_id, reason))

    def consider_cancellation(self, order: Order) -> Decision:
        return self._patiently(lambda: WebhookErp.consider_cancellation(self, order))

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        self._patiently(lambda: WebhookErp.answer_all(self, answers))

    def check(self) -> str | None:
        return self._patiently(lambda: WebhookErp.check(self))

    def _patiently(self, ask: Callable[[], T]) -> T:
        for _ in range(_TRIES):
            try:
                return ask()
            except (ErpUnavailable, ConfigurationError):
                continue
        raise AssertionError("it was never answered")


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    with running_receiver(tmp_path_factory.mktemp("receiver")) as books:
        yield books


@pytest.fixture
def erp(books: Books, tmp_path: Path) -> Iterator[Erp]:
    with closing(WebhookErp("mystore", {"url": books.url, "secret": SECRET}, tmp_path)) as erp:
        yield erp


class TestWebhookErp(ErpSuite):
    @pytest.fixture(autouse=True)
    def _way_to(self, books: Books) -> Iterator[None]:
        self.books = books
        with faulty_way_to(books.url) as self.way:
            yield

    def create(self, home: Path) -> Erp:
        return WebhookErp("mystore", {"url": self.way.url, **OPTIONS}, home)

    def troubles(self, home: Path) -> Iterator[AbstractContextManager[None]]:
        del home
        yield from map(self.way.spoilt, FAULTS)

    def fulfils(self, home: Path, order_id: str) -> bool:
        del home
        return [state for state, _ in self.books.orders(order_id)] == ["new"]

    def placed_count(self, home: Path, order_id: str) -> int:
        del home
        return len(self.books.orders(order_id))

    def placed_lines(self, home: Path, order_id: str) -> Sequence[tuple[str, int]]:
        del home
        [(_, message)] = self.books.orders(order_id)
        assert message is not None
        return [(line["sku"], line["quantity"]) for line in message["data"]["order"]["lines"]]


class TestWebhookErpOverAFaultyWay(TestWebhookErp):
    """Half of the replies are lost, late, cut, lies or errors; each took effect all the same.

    A cancellation whose reply was lost is not unknown when it is asked for again.
    """

    cannot_fail = "what is not answered is asked again until it is"

    @pytest.fixture(autouse=True)
    def _way_to(self, books: Books, request: pytest.FixtureRequest) -> Iterator[None]:
        self.books = books
        seed = sum(request.node.name.encode())
        with faulty_way_to(books.url, seed=seed, share=0.5) as self.way:
            yield

    def create(self, home: Path) -> Erp:
        return PatientErp("mystore", {"url": self.way.url, **OPTIONS}, home)

    def test_an_order_it_never_had_is_unknown(self, erp: Erp, new_id: Callable[[], str]) -> None:
        answer = erp.cancel_order(new_id(), "Customer changed their mind")

        assert answer in {CancelAnswer.UNKNOWN, CancelAnswer.CANCELLED}


def test_the_receiver_is_as_short_as_its_page_says() -> None:
    lines = (FOLDER / "receiver.py").read_text().splitlines()

    assert len(lines) <= _MOST_LINES


def test_the_receiver_says_that_it_is_there(erp: Erp) -> None:
    assert erp.check() is None


def test_a_packed_order_is_neither_changed_nor_cancelled(erp: Erp, books: Books) -> None:
    order = make_order("packed-01")
    changes = Changes(2, order.value_cents, order.value_cents)
    erp.place_order(order)
    books.ask("UPDATE orders SET state = 'packed' WHERE id = ?", order.order_id)

    answers = erp.order_changed(order, changes), erp.cancel_order(order.order_id, "canceled")

    assert answers == (ChangeAnswer.TOO_LATE, CancelAnswer.TOO_LATE)
    assert erp.consider_cancellation(order) == Decision.deny("It is packed.")
    assert [state for state, _ in books.orders(order.order_id)] == ["packed"]


def test_a_change_that_comes_late_does_not_undo_a_later_one(erp: Erp, books: Books) -> None:
    erp.place_order(make_order("changed-01", remark="1"))

    answers = {
        erp.order_changed(make_order("changed-01", remark=f"{revision}"), Changes(revision, 1, 1))
        for revision in (2, 4, 3, 4)
    }
    erp.place_order(make_order("changed-01", remark="1"))

    [(_, message)] = books.orders("changed-01")
    assert answers == {ChangeAnswer.TAKEN}
    assert message is not None
    assert message["data"]["order"]["remark"] == "4"


def test_a_change_that_was_taken_stays_so_and_a_cancelled_order_is_changed_no_more(
    erp: Erp, books: Books
) -> None:
    packed, cancelled = make_order("packed-02"), make_order("cancelled-02")
    for order in (packed, cancelled):
        erp.place_order(order)
    erp.order_changed(packed, Changes(2, 1, 1))
    books.ask("UPDATE orders SET state = 'packed' WHERE id = ?", packed.order_id)
    erp.cancel_order(cancelled.order_id, "canceled")

    assert erp.order_changed(packed, Changes(2, 1, 1)) is ChangeAnswer.TAKEN
    assert erp.order_changed(packed, Changes(3, 1, 1)) is ChangeAnswer.TOO_LATE
    assert erp.order_changed(cancelled, Changes(2, 1, 1)) is ChangeAnswer.IGNORED


def test_a_change_of_an_order_that_the_receiver_never_had_is_refused(erp: Erp) -> None:
    with pytest.raises(ErpRefused) as raised:
        erp.order_changed(make_order("never-01"), Changes(2, 1, 1))

    assert raised.value.cause == "erp.refused.unknown_order"


def test_outcomes_are_written_once_and_done_stays_done(erp: Erp, books: Books) -> None:
    command = Command("invoice", "1-01", None, "INV-1")

    for outcome in (Outcome("accepted"), Outcome("done"), Outcome("parked")):
        erp.answer(command, outcome)

    assert books.ask("SELECT outcome FROM outcomes WHERE key = 'INV-1'") == [("done",)]


def test_a_message_that_nobody_signed_is_not_taken(books: Books, tmp_path: Path) -> None:
    options = {"url": books.url, "secret": f"whsec_{'A' * 32}"}
    with (
        closing(WebhookErp("mystore", options, tmp_path)) as erp,
        pytest.raises(ErpUnavailable, match="compare secret"),
    ):
        erp.place_order(make_order("unsigned-01"))

    assert books.orders("unsigned-01") == []
