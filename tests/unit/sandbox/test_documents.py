from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_sync.sandbox.documents import draw_document
from orders_sync.sandbox.order_ids import draw_ids

SEEDS = st.integers(min_value=0, max_value=2**32)


def draw(seed: int) -> dict[str, Any]:
    random = Random(seed)
    ids = draw_ids(random, "mystore", 1)
    document: dict[str, Any] = json.loads(
        b"{%b}" % draw_document(random, ids, "mystore", 1.7e9).fields
    )
    return document


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

    assert sum(totals(order).values()) == order["value"] > 0


@settings(deadline=None)
@given(SEEDS)
def test_the_lines_add_up_to_items_less_discounts(seed: int) -> None:
    order = draw(seed)

    lines = sum(item["priceDefinition"]["total"] for item in order["items"])

    assert lines == totals(order)["Items"] + totals(order)["Discounts"]


@settings(deadline=None)
@given(SEEDS)
def test_every_line_adds_up_from_its_selling_prices(seed: int) -> None:
    for item in draw(seed)["items"]:
        prices = item["priceDefinition"]["sellingPrices"]

        units = sum(price["quantity"] for price in prices)
        total = sum(price["value"] * price["quantity"] for price in prices)

        assert (units, total) == (item["quantity"], item["priceDefinition"]["total"])


@settings(deadline=None)
@given(SEEDS)
def test_shipping_and_tax_are_those_of_the_lines(seed: int) -> None:
    order = draw(seed)

    shipping = sum(info["sellingPrice"] for info in order["shippingData"]["logisticsInfo"])
    tax = sum(item["tax"] for item in order["items"])

    assert totals(order)["Shipping"] == shipping
    assert totals(order)["Tax"] == tax


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
        if item["sellingPrice"] * item["quantity"] != item["priceDefinition"]["total"]
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


def test_shoppers_write_portuguese_and_spanish(many: list[dict[str, Any]]) -> None:
    names = "".join(order["clientProfileData"]["lastName"] for order in many)
    locales = {order["clientPreferencesData"]["locale"] for order in many}

    assert {"ã", "ç", "ñ"} <= set(names)
    assert locales == {"pt-BR", "es-AR", "es-MX"}


def test_ids_have_every_shape_and_are_never_the_same() -> None:
    random = Random(1)

    ids = [draw_ids(random, "mystore", number).order_id for number in range(500)]

    assert len(set(ids)) == len(ids)
    assert {order_id[:3] for order_id in ids} >= {"117", "v50", "SLR", "MNG"}
    assert any("/" in order_id and " " in order_id for order_id in ids)
