"""The tests that every ERP adapter must pass, for pytest.

In the adapter's own tests:

    class TestAcmeErp(ErpSuite):
        def create(self, home: Path) -> Erp:
            return AcmeErp("mystore", {"url": ACME_TEST_SERVER}, home)

        def fulfils(self, home: Path, order_id: str) -> bool:
            return acme_state(order_id) == "new"

        def troubles(self, home: Path) -> Iterator[AbstractContextManager[object]]:
            yield acme_is_stopped()

pytest shows the compared values of a failure if the tests' `conftest.py` first calls
`pytest.register_assert_rewrite("orders_sync.testing")`.
"""
# ruff: noqa: S101 -- a test asserts

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer, Erp, ErpBase, Receipt, Verdict
from orders_sync.errors import ErpRefused, ErpUnavailable
from orders_sync.testing.erp_change_suite import ChangeSuite, lines_of, revised
from orders_sync.testing.erp_command_suite import CommandSuite
from orders_sync.testing.factories import make_line
from orders_sync.testing.zoo import ZOO, Kind

_THREADS = 8
_BARRIER_SECONDS = 30.0


def raised_by(call: Callable[[], object]) -> Exception | None:
    """Make a call; return what it raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything.
        return error
    return None


def traces(*orders: Order) -> Iterator[str]:
    """Yield what of orders is personal, and long enough to be nothing else."""
    for order in orders:
        texts = [order.customer.last_name, order.customer.document, order.customer.email]
        if order.address is not None:
            texts += [order.address.street, order.address.receiver]
        yield from (text for text in texts if text and len(text) > 3)


class ErpSuite(CommandSuite, ChangeSuite):
    """The promises of `Erp`, each as a test; derive a `Test...` class.

    Write `create`, `fulfils`, without which nobody sees a cancelled order that comes back to life,
    and `troubles`, without which nobody sees what becomes of a call that fails. The other hooks
    make the tests stricter or adapt them: `order` where the ERP must know the SKUs, `placed_count`
    and `placed_lines` where the ERP can be asked what it has, `issue` and `told` where the adapter
    issues commands. Set `remembers_orders` to False for an adapter that stores nothing, and
    `cannot_fail` to the reason for one that asks nobody.
    """

    def test_it_can_be_checked_before_it_was_ever_used(self, erp: Erp) -> None:
        """`check` passes on an ERP that is there."""
        erp.check()

    def test_the_same_order_twice_gets_the_same_receipt(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Placing is repeatable: one receipt, one order."""
        order = self.order(new_id())

        receipts = {erp.place_order(order), erp.place_order(order)}

        assert len(receipts) == 1
        self._assert_placed_once(tmp_path, order)

    def test_a_changed_document_does_not_make_a_second_order(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """The order id alone decides whether an order is the same."""
        order = self.order(new_id())
        receipt = erp.place_order(order)

        again = erp.place_order(replace(order, status="handling", document=b'{"later": true}'))

        assert again == receipt
        self._assert_placed_once(tmp_path, order)

    def test_an_instance_that_starts_after_a_crash_gives_the_same_receipt(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """The ERP knows what was placed, not the instance that placed it."""
        order = self.order(new_id())
        receipt = erp.place_order(order)

        again = second_erp.place_order(order)

        assert again == receipt
        self._assert_placed_once(tmp_path, order)

    def test_threads_that_place_one_order_at_once_get_one_receipt(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Placing is safe while other threads and instances place the same order.

        A call that loses the race may raise `ErpUnavailable`: it is made again later.
        """
        order = self.order(new_id())
        barrier = Barrier(_THREADS)

        def place(number: int) -> Receipt | None:
            barrier.wait(_BARRIER_SECONDS)
            try:
                return (erp, second_erp)[number % 2].place_order(order)
            except ErpUnavailable:
                return None

        with ThreadPoolExecutor(_THREADS) as pool:
            receipts = set(pool.map(place, range(_THREADS)))

        assert receipts - {None} <= {erp.place_order(order)}
        self._assert_placed_once(tmp_path, order)

    def test_two_orders_get_two_receipts(self, erp: Erp, new_id: Callable[[], str]) -> None:
        """A receipt names one order."""
        first, second = self.order(new_id()), self.order(new_id())

        receipts = {erp.place_order(first), erp.place_order(second)}

        assert len(receipts) == 2
        assert all(receipt.reference for receipt in receipts)

    def test_two_lines_of_one_sku_stay_two_lines(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A line is known by its place and id: VTEX splits a SKU over lines, as for a gift."""
        order = self.order(new_id())
        line = order.lines[0] if order.lines else make_line()
        twin = replace(line, index=1, line_id="TWIN", quantity=line.quantity + 1)
        order = replace(order, lines=(replace(line, index=0), twin))

        erp.place_order(order)

        lines = self.placed_lines(tmp_path, order.order_id)
        expected = [(line.sku, line.quantity), (line.sku, line.quantity + 1)]
        assert lines is None or list(lines) == expected

    def test_an_order_with_gaps_and_any_letters_is_taken(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Optional fields may be missing, and text may hold any character."""
        order = self.order(new_id())
        customer = replace(
            order.customer, first_name="Zoë 🎁 'Ñ\"; --", last_name="", phone=None, email=None
        )
        order = replace(
            order, customer=customer, address=None, payments=(), deliveries=(), created_at=None
        )

        receipt = erp.place_order(order)

        assert receipt == erp.place_order(order)
        self._assert_placed_once(tmp_path, order)

    @pytest.mark.parametrize("kind", ZOO.values(), ids=list(ZOO))
    def test_an_order_of_any_kind_is_taken_whole(
        self, kind: Kind, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """VTEX has orders by weight and for companies, kits, gifts, and texts of any letters."""
        order = kind(self.order(new_id()))

        receipt = erp.place_order(order)

        assert second_erp.place_order(order) == receipt
        lines = self.placed_lines(tmp_path, order.order_id)
        assert lines is None or list(lines) == lines_of(order)
        self._assert_placed_once(tmp_path, order)

    @pytest.mark.parametrize("form", ["SLR-{}", "{} a/b", "{}#ç?&%25", "{}'; --"])
    def test_an_order_id_is_text_of_any_form(
        self, form: str, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A marketplace's orders have ids in its own words."""
        number = new_id()
        order, plain = self.order(form.format(number)), self.order(number)

        receipts = [erp.place_order(placed) for placed in (order, plain, order)]

        assert receipts[0] == receipts[2] != receipts[1]
        self._assert_placed_once(tmp_path, order)
        erp.cancel_order(order.order_id, "Out of stock")
        assert not self.remembers_orders or self.fulfils(tmp_path, plain.order_id) in {None, True}

    def test_an_erp_in_trouble_is_unavailable_and_goes_on_afterwards(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Whatever the ERP does instead of an answer, its adapter makes an error of it.

        The error names nobody, an order counts as placed only with a receipt, and the same instance
        goes on when the trouble is over. The calls are made at once, as threads make them.
        """
        if self.cannot_fail:
            pytest.skip(self.cannot_fail)
        had_trouble = False
        for trouble in self.troubles(tmp_path):
            order = self.order(new_id())
            placed = self.order(new_id())
            erp.place_order(placed)
            changed = revised(placed, 7, revision=2)
            calls: list[Callable[[], object]] = [
                partial(erp.place_order, order),
                partial(erp.cancel_order, placed.order_id, "Out of stock"),
            ]
            if not isinstance(erp, ErpBase) or erp.asks_erp("pull"):
                calls.append(partial(erp.pull, None))
            if erp.takes_changes:
                calls.append(partial(erp.order_changed, *changed))

            with trouble, ThreadPoolExecutor(len(calls)) as pool:
                errors = list(pool.map(raised_by, calls))

            had_trouble = True
            assert all(isinstance(error, ErpUnavailable | ErpRefused) for error in errors), errors
            told = " ".join(map(str, errors))
            assert not [text for text in traces(order, placed) if text in told]
            assert erp.place_order(order) == erp.place_order(order)
            self._assert_placed_once(tmp_path, order)
            self._assert_placed_once(tmp_path, placed)
        assert had_trouble, "troubles yields none; say in cannot_fail why no call can fail"

    def test_an_order_it_never_had_is_unknown(self, erp: Erp, new_id: Callable[[], str]) -> None:
        """Cancelling something unknown is an answer, not an error."""
        order_id = new_id()

        answer, again = (erp.cancel_order(order_id, "Out of stock") for _ in range(2))

        assert answer is CancelAnswer.UNKNOWN or not self.remembers_orders
        assert again in {CancelAnswer.UNKNOWN, CancelAnswer.CANCELLED}

    def test_a_cancellation_can_be_repeated(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str]
    ) -> None:
        """Cancelling twice gives the same answer, and a placed order is not unknown."""
        order = self.order(new_id())
        erp.place_order(order)

        answers = [
            instance.cancel_order(order.order_id, "Customer changed their mind")
            for instance in (erp, erp, second_erp)
        ]

        assert len(set(answers)) == 1
        assert answers[0] is not CancelAnswer.UNKNOWN or not self.remembers_orders

    def test_a_cancelled_order_that_is_placed_again_stays_cancelled(
        self, erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A hand-over that comes late must not bring an order back to life."""
        order = self.order(new_id())
        receipt = erp.place_order(order)
        answer = erp.cancel_order(order.order_id, "Customer changed their mind")

        again = erp.place_order(order)

        assert again == receipt
        assert erp.cancel_order(order.order_id, "Customer changed their mind") is answer
        assert answer is not CancelAnswer.CANCELLED or not self._ships(tmp_path, order)
        self._assert_placed_once(tmp_path, order)

    def test_an_order_that_was_cancelled_before_it_came_is_never_accepted(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """A call that places an order may hang until VTEX has cancelled it, and go through then."""
        order = self.order(new_id())
        erp.cancel_order(order.order_id, "Customer changed their mind")

        receipts = {instance.place_order(order) for instance in (second_erp, erp, second_erp)}

        assert len(receipts) == 1
        self._assert_cancelled(erp, tmp_path, order)

    def test_an_order_that_is_placed_and_cancelled_at_once_ends_cancelled(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Whichever of the two calls is first, nobody fulfils the order.

        A call that loses the race may raise `ErpUnavailable`: it is made again later.
        """
        orders = [self.order(new_id()) for _ in range(_THREADS)]
        barrier = Barrier(2)

        def place() -> list[Receipt | None]:
            receipts: list[Receipt | None] = []
            for order in orders:
                barrier.wait(_BARRIER_SECONDS)
                try:
                    receipts.append(erp.place_order(order))
                except ErpUnavailable:
                    receipts.append(None)
            return receipts

        def cancel() -> None:
            for order in orders:
                barrier.wait(_BARRIER_SECONDS)
                with suppress(ErpUnavailable):
                    second_erp.cancel_order(order.order_id, "Customer changed their mind")

        with ThreadPoolExecutor(2) as pool:
            placed, cancelled = pool.submit(place), pool.submit(cancel)
            receipts = placed.result()
            cancelled.result()

        for order, receipt in zip(orders, receipts, strict=True):
            second_erp.cancel_order(order.order_id, "Customer changed their mind")
            assert receipt in {None, erp.place_order(order)}
            self._assert_cancelled(erp, tmp_path, order)

    def test_a_decision_about_a_cancellation_stands(
        self, erp: Erp, second_erp: Erp, new_id: Callable[[], str], tmp_path: Path
    ) -> None:
        """Asking again whether an order may be cancelled gives the same decision."""
        order = self.order(new_id())
        erp.place_order(order)

        decision = erp.consider_cancellation(order)

        assert erp.consider_cancellation(order) == decision
        assert second_erp.consider_cancellation(order) == decision
        self._assert_placed_once(tmp_path, order)

    def test_a_cancellation_it_agreed_to_is_not_too_late(
        self, erp: Erp, new_id: Callable[[], str]
    ) -> None:
        """An ERP that agrees does not begin to fulfil the order afterwards."""
        order = self.order(new_id())
        erp.place_order(order)
        agrees = erp.consider_cancellation(order).verdict is Verdict.AGREE

        answer = erp.cancel_order(order.order_id, "Customer changed their mind")

        assert answer is CancelAnswer.CANCELLED or not agrees

    def test_it_can_be_closed_twice(self, erp: Erp, new_id: Callable[[], str]) -> None:
        """Closing is repeatable."""
        erp.place_order(self.order(new_id()))

        erp.close()
        erp.close()

    def _assert_cancelled(self, erp: Erp, home: Path, order: Order) -> None:
        assert not self._ships(home, order)
        answer = erp.cancel_order(order.order_id, "Customer changed their mind")
        assert answer is CancelAnswer.CANCELLED
        assert self.placed_count(home, order.order_id) in {None, 0, 1}

    def _ships(self, home: Path, order: Order) -> bool | None:
        return self.remembers_orders and self.fulfils(home, order.order_id)
