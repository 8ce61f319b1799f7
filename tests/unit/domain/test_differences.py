from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from support.order_documents import change, changed, client_in, document, item, read, swap
from unit.vtex.calls import ITEM, PART

from orders_sync.domain.differences import (
    Changes,
    DeliveryChange,
    DeliveryPart,
    LineChange,
    LineState,
    PaymentChange,
    PaymentPart,
    compare,
)
from orders_sync.sandbox import Box
from orders_sync.vtex.translate import order


def state(quantity: int = 1, *, total_cents: int = 1000, unit_multiplier: float = 1) -> LineState:
    return LineState(quantity, unit_multiplier, 1000, total_cents, 0)


def line(before: LineState | None, after: LineState | None) -> LineChange:
    return LineChange(0, "L0", "17", before, after)


def test_changes_are_described_in_words() -> None:
    changes = Changes(
        2,
        10_000,
        9_005,
        lines=(
            line(state(3), state(2)),
            line(None, state(4)),
            line(state(5), None),
            line(state(unit_multiplier=0.5), state(unit_multiplier=0.412)),
            line(state(total_cents=1000), state(total_cents=905)),
        ),
        deliveries=(
            DeliveryChange(0, DeliveryPart.CARRIER, "Fast", "Slow"),
            DeliveryChange(1, DeliveryPart.CARRIER, "Fast", "Slow"),
            DeliveryChange(0, DeliveryPart.ADDRESS),
        ),
        payments=(PaymentChange("P1", PaymentPart.AUTHORIZATION, None, "A-7"),),
    )

    assert changes.describe() == (
        "value 100.00 -> 90.05; SKU 17 3 -> 2; SKU 17 added (4); SKU 17 removed (5); "
        "SKU 17 weight 0.5 -> 0.412; SKU 17 10.00 -> 9.05; carrier Fast -> Slow; "
        "delivery address; payment authorization none -> A-7"
    )


def test_a_value_that_stayed_is_not_told() -> None:
    changes = Changes(2, 10_000, 10_000, deliveries=(DeliveryChange(0, DeliveryPart.ADDRESS),))

    assert not changes.is_of_value
    assert changes.describe() == "delivery address"


def test_an_order_is_equal_to_itself_in_any_spelling() -> None:
    order = read(sold())
    other = read(spelt_otherwise())

    assert compare(order, other, revision=2).is_empty
    assert compare(other, order, revision=2).is_empty


def sold(**changes: Any) -> dict[str, Any]:
    items = (item("1", 3, 1000, unitMultiplier=1), item("2", 1, 500))
    return document(*items, totals={"Items": 3500, "Shipping": 700}, **parts(), **changes)


def spelt_otherwise() -> dict[str, Any]:
    """Write the same order as VTEX may write it an hour later."""
    data = sold()
    data["items"][0] |= {"unitMultiplier": 1.0, "quantity": 3.0, "tax": None}
    data["items"] = [dict(reversed(line.items())) for line in data["items"]]
    data |= {
        "value": 4200.0,
        "status": "handling",
        "lastChange": "2026-12-01T10:00:00.0000000Z",
        "workflowIsInError": True,
        "packageAttachment": {"packages": [{"invoiceNumber": "1", "invoiceValue": 4200}]},
        "changesAttachment": {"changesData": []},
        "invoicedDate": "2026-12-01T10:00:00Z",
    }
    address = data["shippingData"]["selectedAddresses"][0]
    address |= {"complement": None, "city": "BELÉM ", "reference": "", "geoCoordinates": [1, 2]}
    info = data["shippingData"]["logisticsInfo"][0]
    info["deliveryWindow"] = {
        "startDateUtc": "2026-12-04T09:00:00-03:00",
        "endDateUtc": "2026-12-04T15:00:00.0000000Z",
    }
    info["shippingEstimateDate"] = "2026-12-09T12:00:00Z"
    return data


def parts() -> dict[str, Any]:
    """Write how an order of two lines is delivered and paid."""
    place = {
        "addressId": "A1",
        "addressType": "residential",
        "receiverName": "Ana Exemplo",
        "city": "Belém",
        "complement": "",
        "number": "1",
    }
    info = {
        "addressId": "A1",
        "deliveryChannel": "delivery",
        "selectedSla": "Normal",
        "deliveryCompany": "Ipê",
        "shippingEstimateDate": "2026-12-05T12:00:00Z",
        "deliveryWindow": {
            "startDateUtc": "2026-12-04T12:00:00Z",
            "endDateUtc": "2026-12-04T15:00:00Z",
        },
        "deliveryIds": [{"courierId": "c1", "warehouseId": "1_1", "dockId": "1"}],
    }
    prices = ({"price": 700}, {"price": 0})
    payment = {"id": "P1", "group": "creditCard", "paymentSystemName": "Visa", "value": 4200}
    return {
        "shippingData": {
            "address": place,
            "selectedAddresses": [place],
            "logisticsInfo": [info | {"itemIndex": n} | part for n, part in enumerate(prices)],
        },
        "paymentData": {"transactions": [{"isActive": True, "payments": [payment]}]},
    }


def differs(edit: Callable[[dict[str, Any]], None]) -> Changes:
    data = copy.deepcopy(sold())
    edit(data)
    return compare(read(sold()), read(data), revision=2)


def edited(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value at a place of a document."""

    def edit(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to

    return edit


SHIPPING = ("shippingData", "logisticsInfo", 0)
PAYMENT = ("paymentData", "transactions", 0, "payments", 0)
PLACE = ("shippingData", "selectedAddresses", 0)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (edited(*PLACE, "city", to="Manaus"), "delivery address"),
        (edited("shippingData", "selectedAddresses", 0, "number", to="2"), "delivery"),
        (edited(*SHIPPING, "selectedSla", to="Fast"), "shipping method Normal -> Fast"),
        (edited(*SHIPPING, "deliveryCompany", to="Jet"), "carrier Ipê, c1 -> Jet, c1"),
        (edited(*SHIPPING, "deliveryChannel", to="pickup-in-point"), "delivery channel"),
        (edited(*SHIPPING, "pickupPointId", to="7"), "pickup point none -> 7"),
        (edited(*SHIPPING, "deliveryIds", 0, "warehouseId", to="9"), "warehouse 1_1, 1 -> 9, 1"),
        (edited(*SHIPPING, "price", to=0), "freight 7.00 -> 0.00"),
        (
            edited(*SHIPPING, "deliveryWindow", "endDateUtc", to="2026-12-04T16:00:00Z"),
            "T12:00+00:00/2026-12-04T15:00+00:00 -> 2026-12-04T12:00+00:00/2026-12-04T16:00+00:00",
        ),
        (edited(*SHIPPING, "deliveryWindow", to=None), "-> none"),
        (edited(*PAYMENT, "value", to=4100), "payment value 42.00 -> 41.00"),
        (edited(*PAYMENT, "installments", to=3), "installments 0 -> 3"),
        (
            edited(*PAYMENT, "connectorResponses", to={"authId": "A7"}),
            "payment authorization none -> A7",
        ),
        (edited(*PAYMENT, "id", to="P2"), "means of payment creditCard, Visa -> none"),
        (edited("value", to=4100), "value 42.00 -> 41.00"),
    ],
)
def test_what_an_erp_fulfils_by_is_told(edit: Callable[[dict[str, Any]], None], words: str) -> None:
    changes = differs(edit)

    assert not changes.is_empty
    assert words in changes.describe()


def test_a_payment_that_is_settled_with_the_invoice_is_no_change() -> None:
    def settle(data: dict[str, Any]) -> None:
        edited(*PAYMENT, "connectorResponses", to={"authId": "A7"})(data)
        data["status"] = "invoiced"

    assert differs(settle).is_empty


@pytest.mark.parametrize("name", ["Ana Exemplo", "Belém", "Manaus", "Eva"])
def test_no_words_of_an_address_are_told(name: str) -> None:
    def edit(data: dict[str, Any]) -> None:
        edited(*PLACE, "city", to="Manaus")(data)
        edited(*PLACE, "receiverName", to="Eva")(data)

    changes = differs(edit)

    assert name not in repr(changes)
    assert name not in changes.describe()


def test_an_address_that_is_masked_in_one_reading_is_none_other() -> None:
    def mask(data: dict[str, Any]) -> None:
        edited(*PLACE, "city", to="B***")(data)
        edited(*PLACE, "receiverName", to="A*** E******")(data)

    assert differs(mask).is_empty


def test_lines_are_told_by_what_was_and_what_is() -> None:
    data = document(
        item("1", 2, 1000), item("3", 1, 250), totals={"Items": 2250, "Shipping": 700}, **parts()
    )

    changes = compare(read(sold()), read(data), revision=7)

    rows = [
        (row.sku, row.before and row.before.quantity, row.after and row.after.quantity)
        for row in changes.lines
    ]
    assert rows == [("1", 3, 2), ("3", None, 1), ("2", 1, None)]
    assert (changes.value_before_cents, changes.value_after_cents) == (4200, 2950)
    assert changes.revision == 7


def test_items_that_vtex_rewrote_are_those_that_a_change_left() -> None:
    """The same change may be told beside `items[]`, or in it."""
    removal = change(removed=(swap("2", 1, 500),))
    addition = change(added=(swap("3", 2, 250),))
    beside = document(
        item("1", 3, 1000),
        item("2", 1, 500),
        totals={"Items": 3500, "Shipping": 700, "Change": 0},
        **changed(removal, addition),
        **parts(),
    )
    inside = document(
        item("1", 3, 1000),
        item("3", 2, 250, uniqueId="NEW"),
        totals={"Items": 3500, "Shipping": 700},
        **changed(removal, addition),
        **parts(),
    )

    assert compare(read(beside), read(inside), revision=2).is_empty
    assert compare(read(inside), read(beside), revision=2).is_empty


def test_a_sku_on_two_lines_is_two_lines() -> None:
    gift = item("1", 1, 0, uniqueId="GIFT", isGift=True)
    before = document(item("1", 3, 1000), gift, totals={"Items": 3000})
    after = document(gift, item("1", 2, 1000), totals={"Items": 2000})

    [line] = compare(read(before), read(after), revision=2).lines

    assert (line.line_id, line.before and line.before.quantity) == ("U1", 3)
    assert line.after is not None
    assert line.after.quantity == 2


@pytest.mark.parametrize("seed", range(5))
def test_an_order_that_only_moves_on_is_no_other(seed: int) -> None:
    """Compare orders of all kinds as they were and as they are once they are invoiced."""
    box = Box(seed=seed)
    vtex = client_in(box)
    for order_id in box.create_orders(20, handling=True):
        before = vtex.get_order(order_id)
        view = box.order(order_id)
        items = (ITEM.model_copy(update={"sku": view.lines[0].sku}),)
        whole = {"value_cents": view.value, "items": items}
        vtex.invoice(order_id, PART.model_copy(update=whole))
        after = json.dumps(json.loads(vtex.get_order(order_id)), sort_keys=True).encode()

        assert compare(order("mystore", before), order("mystore", after), revision=2).is_empty
        assert b"invoiceValue" in after
