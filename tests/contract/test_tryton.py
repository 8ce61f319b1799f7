"""The adapter for Tryton against a real one: the promises of every adapter, money, documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.faulty_way import Way, cut, faulty_way_to, hang_up, lie, stall
from support.tryton import STORE, Tryton
from support.waiting import until

from orders_sync.demo.played_tryton import SoldOrder
from orders_sync.demo.sums import adds_up
from orders_sync.domain.amounts import ChargedService, Reason, Reckoning
from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.differences import Changes
from orders_sync.domain.order import Component, Order, OrderLine
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Erp, Verdict
from orders_sync.erp.tryton import server as tryton_server
from orders_sync.erp.tryton.adapter import TrytonErp
from orders_sync.erp.tryton.server import NoAccess
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable, ItemUnmapped
from orders_sync.testing.erp_suite import ErpSuite
from orders_sync.testing.factories import make_line, make_order

_THREADS = 8


@contextmanager
def slow(way: Way) -> Iterator[None]:
    """Answer nothing, to an adapter that waits for a second only and not for a minute."""
    with pytest.MonkeyPatch.context() as patch, way.spoilt(stall):
        patch.setattr(tryton_server, "_READ_SECONDS", 1.0)
        yield


class TestTrytonErp(ErpSuite):
    @pytest.fixture(autouse=True)
    def _way_to(self, tryton: Tryton) -> Iterator[None]:
        self.tryton = tryton
        with faulty_way_to(tryton.site.url) as self.way:
            yield

    def create(self, home: Path) -> Erp:
        return TrytonErp(STORE, {**self.tryton.options(), "url": self.way.url}, home)

    def troubles(self, home: Path) -> Iterator[AbstractContextManager[object]]:
        del home
        yield from map(self.way.spoilt, (hang_up, cut, lie))
        yield slow(self.way)

    def order(self, order_id: str) -> Order:
        return make_order(order_id, lines=[make_line(sku="18"), make_line(1, sku="77")])

    def fulfils(self, home: Path, order_id: str) -> bool:
        del home
        sales = [sold.sale for sold in self.tryton.sold(order_id)]
        return any(self.tryton.clerk.is_to_ship(sale) for sale in sales if sale)

    def placed_count(self, home: Path, order_id: str) -> int:
        del home
        return self.tryton.clerk.sales(order_id)

    def placed_lines(self, home: Path, order_id: str) -> list[tuple[str, int]]:
        del home
        [sold] = self.tryton.sold(order_id)
        return [(line.sku, line.quantity) for line in sold.order.lines]

    def issue(self, home: Path, command: Command) -> bool:
        with closing(self.create(home)) as erp:
            erp.place_order(self.order(command.order_id))
        [sold] = self.tryton.sold(command.order_id)
        self.tryton.clerk.command(sold.row, command.kind, json.dumps(command.body))
        return True

    def told(self, home: Path, order_id: str) -> str:
        del home
        [sold] = self.tryton.sold(order_id)
        [command] = self.tryton.clerk.commands(STORE, [sold.row])
        return command.state


@pytest.fixture
def erp(tryton: Tryton, tmp_path: Path) -> Iterator[TrytonErp]:
    with closing(TrytonErp(STORE, tryton.options(), tmp_path)) as erp:
        yield erp


def new_order(*lines: OrderLine, **changes: Any) -> Order:
    """Make an order of which Tryton knows nothing, by a customer it does not know."""
    order_id = f"{uuid4().int % 10**13:013d}-01"
    return make_order(
        order_id, lines=lines or [make_line(sku="18"), make_line(1, sku="77")], **changes
    )


def place(erp: TrytonErp, tryton: Tryton, order: Order) -> SoldOrder:
    erp.place_order(order)
    [sold] = tryton.sold(order.order_id)
    return sold


def offered(erp: TrytonErp, order: Order) -> list[Command]:
    """Return what is offered for an order; all is answered, so that no other test is shown it."""
    rows = erp.pull(None).rows
    erp.answer_all([(command, Outcome("accepted")) for command in rows])
    return [command for command in rows if command.order_id == order.order_id]


def test_a_sale_is_of_the_orders_value_to_the_cent(erp: TrytonErp, tryton: Tryton) -> None:
    by_weight: dict[str, Any] = {"unit_multiplier": 0.25, "measurement_unit": "kg"}
    wrap = ChargedService(id="1", name="Embalagem", kind=None, quantity=2, price_cents=333)
    parts = (
        Component("A", "2001", "2001", None, "Café", 2),
        Component("B", "400", "400", None, "Água", 1),
    )
    lines = [
        make_line(sku="2003", quantity=3, total_cents=5499, **by_weight),
        make_line(1, sku="310114", quantity=3, total_cents=10001, tax_cents=77, services=(wrap,)),
        make_line(2, sku="77", quantity=777, total_cents=100_003),
        make_line(3, sku="500", quantity=2, total_cents=37_980, components=parts),
        make_line(4, sku="999", quantity=1, total_cents=0, is_gift=True),
    ]  # fmt: skip
    reckoning = Reckoning(
        lines_cents=153_483,
        services_cents=666,
        freight_cents=1290,
        discounts_cents=-290,
        tax_cents=77,
        changes_cents=-100,
        other_cents=45,
        difference_cents=3,
        reason=Reason.ROUNDING,
    )
    order = new_order(*lines, value_cents=155_174, reckoning=reckoning)

    sold = place(erp, tryton, order).order

    assert sold.value_cents == order.value_cents
    assert adds_up(sold)
    assert [
        (line.sku, line.quantity, line.total_cents, line.tax_cents, line.service_cents)
        for line in sold.lines
    ] == [
        ("2003", 3, 5499, 0, 0),
        ("310114", 3, 10001, 77, 666),
        ("77", 777, 100_003, 0, 0),
        ("500", 2, 37_980, 0, 0),
        ("999", 1, 0, 0, 0),
    ]
    beside = sold.freight_cents, sold.beside_cents, sold.changes_cents, sold.other_cents
    assert (*beside, sold.difference_cents) == (1290, -290, -100, 45, 3)


def test_goods_by_weight_are_sold_by_weight_and_kits_with_their_parts(
    erp: TrytonErp, tryton: Tryton
) -> None:
    parts = (Component("A", "2001", "2001", None, "Café", 2),)
    order = new_order(
        make_line(sku="2003", quantity=3, unit_multiplier=0.25, measurement_unit="kg"),
        make_line(1, sku="500", quantity=2, components=parts),
    )

    sold = place(erp, tryton, order)

    assert tryton.clerk.shipped_goods(sold.sale) == {"2003": 0.75, "2001": 4.0}


def test_customers_are_parties_by_their_documents_whoever_is_first(
    erp: TrytonErp, tryton: Tryton
) -> None:
    customer = replace(new_order().customer, document="529.982.247-25")
    orders = [new_order(customer=customer) for _ in range(_THREADS)]
    written_otherwise = replace(customer, document="52998224725", first_name="Outro")

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda order: patiently(erp, order), orders))
    erp.place_order(new_order(customer=written_otherwise))

    assert tryton.clerk.parties("52998224725") == 1


def patiently(erp: TrytonErp, order: Order) -> None:
    """Place an order as a worker does: again, where the ERP has it tried again."""

    def is_placed() -> bool:
        try:
            return bool(erp.place_order(order))
        except ErpUnavailable:
            return False

    until(is_placed, "the order is placed")


def test_a_tryton_that_is_killed_while_it_sells_loses_and_doubles_nothing(
    erp: TrytonErp, tryton: Tryton
) -> None:
    orders = [new_order() for _ in range(_THREADS)]

    with ThreadPoolExecutor(_THREADS) as pool:
        placing = [pool.submit(patiently, erp, order) for order in orders]
        wait(placing, return_when=FIRST_COMPLETED)
        tryton.die_and_return()
        for order in placing:
            order.result()

    sold = [tryton.sold(order.order_id) for order in orders]
    assert [len(rows) for rows in sold] == [1] * _THREADS
    assert [tryton.clerk.sales(order.order_id) for order in orders] == [1] * _THREADS
    assert {tryton.clerk.states(rows[0].sale)[0] for rows in sold} == {"processing"}


def test_an_address_is_made_once(erp: TrytonErp, tryton: Tryton) -> None:
    first = new_order()
    second = replace(first, order_id=new_order().order_id)

    sales = [place(erp, tryton, order).sale for order in (first, second)]

    assert len({tryton.clerk.shipment_address(sale) for sale in sales}) == 1


def test_an_sku_without_a_product_is_named(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order(make_line(sku="nowhere"))

    with pytest.raises(ItemUnmapped, match="nowhere"):
        erp.place_order(order)

    assert tryton.sold(order.order_id) == []


def test_a_currency_that_tryton_does_not_have_is_refused(erp: TrytonErp) -> None:
    with pytest.raises(ErpRefused, match="XTS"):
        erp.place_order(new_order(currency="XTS"))


def test_what_tryton_refuses_is_told_by_its_kind_and_kept_for_its_people(
    erp: TrytonErp, tryton: Tryton
) -> None:
    tryton.confuse_units("78")
    order = new_order(make_line(sku="78"))

    with pytest.raises(ErpRefused) as refused:
        erp.place_order(order)

    assert order.customer.last_name not in str(refused.value)
    assert tryton.clerk.refusals(order.order_id) == 1


def test_an_invoice_and_a_parcel_are_told_to_vtex(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)

    tryton.clerk.ship(sold.sale, "BR123")
    number = tryton.clerk.invoice(sold.sale)
    invoice, track = offered(erp, order)

    assert (invoice.kind, track.kind) == ("invoice", "track")
    assert invoice.body == {
        "number": number,
        "type": "Output",
        "value_cents": order.value_cents,
        "items": [{"line_id": line.line_id, "quantity": line.quantity} for line in order.lines],
    }
    assert track.body["invoice_number"] == number
    assert track.body["tracking_number"] == "BR123"
    assert track.body["courier"]


def test_a_credit_note_is_told_as_a_return(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)
    tryton.clerk.invoice(sold.sale)

    number = tryton.clerk.credit(sold.sale)
    _, returned = offered(erp, order)

    assert returned.kind == "invoice"
    assert (returned.body["number"], returned.body["type"]) == (number, "Input")
    assert returned.body["value_cents"] == order.value_cents


def test_a_sale_that_people_cancel_is_cancelled_at_vtex(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)

    tryton.clerk.withdraw(sold.row)
    [cancel] = offered(erp, order)

    assert cancel.kind == "cancel"
    assert cancel.body["reason"]
    assert erp.cancel_order(order.order_id, "canceled") is CancelAnswer.CANCELLED
    assert offered(erp, order) == []


def test_a_sale_whose_shipment_people_cancel_and_ignore_is_cancelled_at_vtex(
    erp: TrytonErp, tryton: Tryton
) -> None:
    order = new_order()
    sold = place(erp, tryton, order)

    tryton.clerk.abandon(sold.sale)

    assert [command.kind for command in offered(erp, order)] == ["cancel"]


def test_a_cancellation_leaves_no_exception_to_handle(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)

    answer = erp.cancel_order(order.order_id, "canceled")

    assert answer is CancelAnswer.CANCELLED
    assert tryton.clerk.states(sold.sale) == ("cancelled", "none", "none")
    assert offered(erp, order) == []


def test_what_has_left_cannot_be_cancelled(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)
    tryton.clerk.ship(sold.sale, "BR124")

    answer = erp.cancel_order(order.order_id, "canceled")
    decision = erp.consider_cancellation(order)

    assert answer is CancelAnswer.TOO_LATE
    assert decision.verdict is Verdict.DENY
    assert decision.reason


def test_people_decide_about_what_they_took_up(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)
    tryton.clerk.take_up(sold.row)

    undecided = erp.consider_cancellation(order)
    tryton.clerk.decide(sold.row, "deny", "Já embalado.")
    denied = erp.consider_cancellation(order)

    assert undecided.verdict is Verdict.UNDECIDED
    assert (denied.verdict, denied.reason) == (Verdict.DENY, "Já embalado.")


def test_nobody_ships_what_may_be_cancelled(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    sold = place(erp, tryton, order)
    agreed = erp.consider_cancellation(order)

    with pytest.raises(NoAccess):
        tryton.clerk.ship(sold.sale, "BR125")

    assert agreed.verdict is Verdict.AGREE
    assert erp.cancel_order(order.order_id, "canceled") is CancelAnswer.CANCELLED


def changes(revision: int, before: Order, after: Order) -> Changes:
    return Changes(revision, before.value_cents, after.value_cents)


def test_a_change_is_taken_until_somebody_has_begun(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order(make_line(sku="18", quantity=3), make_line(1, sku="77"))
    less = replace(make_order(order.order_id, lines=order.lines[1:]), customer=order.customer)
    receipt = erp.place_order(order)

    answers = [erp.order_changed(less, changes(2, order, less)) for _ in range(2)]
    [changed] = tryton.sold(order.order_id)
    tryton.clerk.ship(changed.sale, "BR126")
    late = erp.order_changed(order, changes(3, less, order))
    [kept] = tryton.sold(order.order_id)

    assert answers == [ChangeAnswer.TAKEN] * 2
    assert late is ChangeAnswer.TOO_LATE
    assert changed.order.value_cents == kept.order.value_cents == less.value_cents
    assert [line.sku for line in changed.order.lines] == ["77"]
    assert tryton.clerk.shipped_goods(changed.sale) == {"77": float(less.lines[0].quantity)}
    assert erp.place_order(order) == receipt


def test_an_older_change_does_not_undo_a_later_one(erp: TrytonErp, tryton: Tryton) -> None:
    order, later = new_order(), new_order(make_line(sku="90001"))
    later = replace(later, order_id=order.order_id)
    erp.place_order(order)

    answers = [
        erp.order_changed(later, changes(3, order, later)),
        erp.order_changed(order, changes(2, order, order)),
    ]

    assert answers == [ChangeAnswer.TAKEN] * 2
    assert tryton.sold(order.order_id)[0].order.value_cents == later.value_cents


def test_a_change_of_an_order_that_is_not_there_is_refused(erp: TrytonErp) -> None:
    order = new_order()

    with pytest.raises(ErpRefused):
        erp.order_changed(order, changes(2, order, order))


def test_a_change_of_a_cancelled_order_leaves_it_cancelled(erp: TrytonErp, tryton: Tryton) -> None:
    order = new_order()
    erp.place_order(order)
    erp.cancel_order(order.order_id, "canceled")

    erp.order_changed(order, changes(2, order, order))

    assert tryton.sold(order.order_id)[0].order.state == "cancelled"


def test_a_session_that_tryton_forgot_is_begun_anew(erp: TrytonErp, tryton: Tryton) -> None:
    erp.check()

    tryton.forget_sessions()

    assert erp.check() is None


def test_the_user_of_orders_sync_reads_nothing_else(tryton: Tryton) -> None:
    with closing(tryton.bridge()) as server:
        for model in (
            "sale.sale",
            "account.invoice",
            "orders_sync.customer",
            "orders_sync.refusal",
        ):
            with pytest.raises(NoAccess):
                server.call(f"model.{model}.search_read", [], 0, 1, None, ["id"])


def test_a_wrong_password_is_named(tryton: Tryton, tmp_path: Path) -> None:
    options = {**tryton.options(), "password": "wrong"}

    with (
        closing(TrytonErp(STORE, options, tmp_path)) as erp,
        pytest.raises(ConfigurationError, match="password"),
    ):
        erp.check()


def test_a_user_without_the_right_is_named(tryton: Tryton, tmp_path: Path) -> None:
    with (
        closing(TrytonErp(STORE, tryton.options_of_clerk(), tmp_path)) as erp,
        pytest.raises(ConfigurationError, match="look"),
    ):
        erp.check()


def test_an_account_that_tryton_does_not_know_is_named(tryton: Tryton, tmp_path: Path) -> None:
    with (
        closing(TrytonErp("other", tryton.options(), tmp_path)) as erp,
        pytest.raises(ConfigurationError, match="other"),
    ):
        erp.check()
