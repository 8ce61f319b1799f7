from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_sync.sandbox.documents import Document, draw_document, draw_ids
from orders_sync.vtex.translate import order as order_of

SEEDS = st.integers(min_value=0, max_value=2**32)


def draw_whole(seed: int) -> Document:
    random = Random(seed)
    ids = draw_ids(random, "mystore", 1)
    return draw_document(random, ids, "mystore", 1.7e9)


def draw(seed: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(b"{%b}" % draw_whole(seed).fields)
    return document


def by_right(order: dict[str, Any]) -> bool:
    """Whether the order's value may differ from its totals."""
    return bool(order["affiliateId"])


def totals(order: dict[str, Any]) -> dict[str, int]:
    return {total["id"]: total["value"] for total in order["totals"]}


def has_a_sku_twice(order: dict[str, Any]) -> bool:
    return max(Counter(item["id"] for item in order["items"]).values()) > 1


def channels(order: dict[str, Any]) -> set[str]:
    return {info["deliveryChannel"] for info in order["shippingData"]["logisticsInfo"]}


def groups(order: dict[str, Any]) -> set[str]:
    return {payment["group"] for payment in order["paymentData"]["transactions"][0]["payments"]}


@settings(deadline=None)
@given(SEEDS)
def test_the_totals_add_up_to_the_value(seed: int) -> None:
    order = draw(seed)

    missing = sum(totals(order).values()) - order["value"]

    assert order["value"] > 0
    assert 0 <= missing < 100 if by_right(order) else missing == 0


@settings(deadline=None)
@given(SEEDS)
def test_the_lines_and_services_add_up_to_items_less_discounts(seed: int) -> None:
    document, order = draw_whole(seed), draw(seed)

    goods = sum(line.total_cents + line.service_cents for line in document.lines)

    assert goods == totals(order)["Items"] + totals(order)["Discounts"]


@settings(deadline=None)
@given(SEEDS)
def test_every_line_adds_up_from_its_selling_prices(seed: int) -> None:
    for line, item in zip(draw_whole(seed).lines, draw(seed)["items"], strict=True):
        prices = item["priceDefinition"]["sellingPrices"]

        units = sum(price["quantity"] for price in prices)
        total = sum(price["value"] * price["quantity"] for price in prices)

        assert (units, total) == (line.quantity, line.total_cents)


@settings(deadline=None)
@given(SEEDS)
def test_shipping_and_tax_are_those_of_the_lines(seed: int) -> None:
    document, order = draw_whole(seed), draw(seed)

    shipping = sum(info["sellingPrice"] for info in order["shippingData"]["logisticsInfo"])
    of_pieces = sum(int(i["tax"] or 0) * int(i["quantity"]) for i in order["items"])
    by_service = sum(
        tag["value"]
        for item in order["items"]
        for tag in item["priceTags"]
        if tag["name"].startswith("TAXHUB")
    )

    assert totals(order)["Shipping"] == shipping == document.shipping_cents
    assert totals(order)["Tax"] == of_pieces + by_service


@settings(deadline=None)
@given(SEEDS)
def test_what_an_erp_reads_is_what_was_sold(seed: int) -> None:
    document = draw_whole(seed)
    status = b'{"status":"ready-for-handling","isCompleted":true,'

    read = order_of("mystore", status + document.fields + b"}")

    seen = [(ln.line_id, ln.quantity, ln.total_cents, ln.tax_cents) for ln in read.lines]
    sold = [(ln.unique_id, ln.quantity, ln.total_cents, ln.tax_cents) for ln in document.lines]
    assert seen == sold
    reckoning = read.reckoning
    assert reckoning.services_cents == sum(line.service_cents for line in document.lines)
    assert reckoning.freight_cents == document.shipping_cents
    assert reckoning.other_cents + reckoning.difference_cents == document.other_cents
    assert reckoning.reason in (
        {None, "marketplace", "rounding"} if document.other_cents else {None}
    )


@settings(deadline=None)
@given(SEEDS)
def test_the_payments_add_up_to_the_value(seed: int) -> None:
    order = draw(seed)

    payments = order["paymentData"]["transactions"][0]["payments"]

    assert sum(payment["value"] for payment in payments) == order["value"]


@settings(deadline=None)
@given(SEEDS)
def test_the_same_seed_draws_the_same_document(seed: int) -> None:
    assert draw(seed) == draw(seed)


@pytest.fixture(scope="module")
def many() -> list[dict[str, Any]]:
    return [draw(seed) for seed in range(300)]


def test_some_orders_have_a_sku_on_two_lines(many: list[dict[str, Any]]) -> None:
    assert 0 < sum(map(has_a_sku_twice, many)) < len(many)


def test_some_lines_cost_what_no_unit_price_explains(many: list[dict[str, Any]]) -> None:
    odd = [
        item
        for order in many
        for item in order["items"]
        if int(item["sellingPrice"]) * int(item["quantity"]) != item["priceDefinition"]["total"]
    ]

    assert odd


def test_orders_are_delivered_picked_up_or_both(many: list[dict[str, Any]]) -> None:
    seen = {frozenset(channels(order)) for order in many}

    assert seen == {
        frozenset({"delivery"}),
        frozenset({"pickup-in-point"}),
        frozenset({"delivery", "pickup-in-point"}),
    }


def test_orders_are_paid_in_every_way(many: list[dict[str, Any]]) -> None:
    seen = set().union(*map(groups, many))

    assert seen == {
        "creditCard",
        "debitCard",
        "bankInvoice",
        "instantPayment",
        "promissory",
        "giftCard",
    }


#: What some orders have and most have not.
ODDITIES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "goods by weight": lambda o: any(i["unitMultiplier"] != 1 for i in o["items"]),
    "a tax of pieces": lambda o: any(i["tax"] and int(i["quantity"]) > 1 for i in o["items"]),
    "a tax service": lambda o: "TAXHUB" in json.dumps(o["items"]),
    "a service": lambda o: any(i["bundleItems"] for i in o["items"]),
    "a kit": lambda o: any(i["components"] for i in o["items"]),
    "a gift": lambda o: any(i["isGift"] for i in o["items"]),
    "numbers as text": lambda o: any(isinstance(i["price"], str) for i in o["items"]),
    "a chain order": lambda o: o["origin"] == "Chain",
    "two addresses": lambda o: "Alameda" in json.dumps(o["shippingData"]["selectedAddresses"]),
    "hours": lambda o: any(i["deliveryWindow"] for i in o["shippingData"]["logisticsInfo"]),
    "a marketplace's discount": lambda o: "DiscountMarketplace" in totals(o),
    "a value by right": lambda o: sum(totals(o).values()) != o["value"],
    "a marketplace's payment": lambda o: "PAYMENT-FROM-AFFILIATE" in json.dumps(o["paymentData"]),
    "the older sign of it": lambda o: "Assumed value by affiliate" in json.dumps(o["paymentData"]),
    "a company": lambda o: o["clientProfileData"]["stateInscription"] is not None,
    "an invoice's address": lambda o: o["invoiceData"] is not None,
    "a remark": lambda o: o["openTextField"] is not None,
    "custom data": lambda o: o["customData"] is not None,
    "a long phone": lambda o: len(o["clientProfileData"]["phone"]) > 255,
    "a NUL": lambda o: "\\u0000" in json.dumps(o["shippingData"]),
    "half a character": lambda o: "\\ud83c" in json.dumps(o["shippingData"]),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_some_orders_are_odd(many: list[dict[str, Any]], oddity: str) -> None:
    assert 0 < sum(map(ODDITIES[oddity], many)) < len(many)


def test_shoppers_write_portuguese_and_spanish(many: list[dict[str, Any]]) -> None:
    names = "".join(order["clientProfileData"]["lastName"] for order in many)
    locales = {order["clientPreferencesData"]["locale"] for order in many}

    assert {"ã", "ç", "ñ"} <= set(names)
    assert locales == {"pt-BR", "es-AR", "es-MX"}


def test_ids_have_every_shape_and_are_never_the_same() -> None:
    random = Random(1)

    ids = [draw_ids(random, "mystore", number).order_id for number in range(500)]

    assert len(set(ids)) == len(ids)
    assert {order_id[:3] for order_id in ids} >= {"117", "v50", "SLR", "MNG", "CHN"}
    assert any("/" in order_id and " " in order_id for order_id in ids)
