"""What an order's lines cost, from documents whose prices, taxes and services are told oddly."""

from __future__ import annotations

from typing import Any

import pytest
from support.order_documents import document, encoded, item, read

from orders_sync.domain.amounts import Reason, Reckoning
from orders_sync.domain.order import OrderLine
from orders_sync.erp.staging_rows import service_rows
from orders_sync.vtex.translate import fulfilment

CHEESE: dict[str, Any] = {
    "measurementUnit": "kg",
    "unitMultiplier": 0.4,
    "listPrice": 5201,
    "sellingPrice": 1999,
    "priceDefinition": {"total": 3999},
}


def only_line(data: dict[str, Any]) -> OrderLine:
    (line,) = read(data).lines
    return line


def test_prices_by_weight_are_of_a_piece_and_of_a_unit() -> None:
    line = only_line(document(item("7", 2, 4999, **CHEESE), totals={"Items": 3999}))

    assert (line.list_price_cents, line.price_cents, line.selling_price_cents) == (2080, 2000, 1999)
    assert (line.unit_list_price_cents, line.unit_price_cents) == (5201, 4999)
    assert (line.quantity, line.unit_multiplier, line.total_cents) == (2, 0.4, 3999)


@pytest.mark.parametrize(
    ("price", "multiplier", "quantity", "total"),
    [
        pytest.param(4999, 0.4, 2, 3999, id="below the half"),
        pytest.param(5, 0.5, 1, 3, id="the half, up"),
        pytest.param(1005, 0.1, 1, 101, id="a half that floats miss"),
        pytest.param(2000, "0.412", 1, 824, id="a multiplier as text"),
        pytest.param(333, None, 3, 999, id="no multiplier"),
        pytest.param(333, 0, 3, 999, id="a multiplier of nothing"),
    ],
)
def test_without_definition_and_selling_price_a_line_is_reckoned_by_weight(
    price: int, multiplier: object, quantity: int, total: int
) -> None:
    bare = item("7", quantity, price, unitMultiplier=multiplier)
    bare |= {"sellingPrice": None, "priceDefinition": None}

    line = only_line(document(bare, value=0))

    assert line.total_cents == total
    assert line.price_cents == round(total / quantity)


def test_a_selling_price_that_was_rounded_does_not_lose_a_cent() -> None:
    bare = item("7", 3, 199, unitMultiplier=0.3, sellingPrice=59, priceDefinition=None)

    assert only_line(document(bare, totals={"Items": 179})).total_cents == 179


@pytest.mark.parametrize(
    ("definition", "selling", "tags", "net"),
    [
        pytest.param(20000, 8000, [{"name": "discount@price-1", "value": -4000}], 16000, id="tag"),
        pytest.param(20000, 8000, [], 16000, id="no tag"),
        pytest.param(20000, 10000, [{"name": "discount@price-1", "value": -4000}], 16000, id="two"),
        pytest.param(20000, 8000, [{"name": "discount@price-1", "rawValue": -40}], 16000, id="raw"),
        pytest.param(
            16000, 8000, [{"name": "discount@price-1", "value": -4000}], 16000, id="right"
        ),
        pytest.param(
            20000, 10000, [{"name": "discount@shipping-1", "value": -4000}], 20000, id="f"
        ),
    ],
)
@pytest.mark.parametrize("origin", ["Chain", "chain", "Marketplace", None])
def test_a_price_definition_that_follows_the_price_is_passed_over(
    origin: str | None, definition: int, selling: int, tags: list[dict[str, Any]], net: int
) -> None:
    line = item("8", 2, 10000, sellingPrice=selling, priceTags=tags)
    line |= {"priceDefinition": {"total": definition}}
    totals = {"Items": 20000, "Discounts": net - 20000, "Shipping": 500}

    order = read(document(line, totals=totals, origin=origin))

    assert order.lines[0].total_cents == net
    assert order.reckoning.difference_cents == 0


def test_a_chain_order_without_sums_is_told_by_its_selling_price() -> None:
    line = item("8", 3, 1000, sellingPrice=333, priceDefinition={"total": 3000})
    line |= {"priceTags": [{"name": "discount@price-1", "value": -2000}]}

    assert only_line(document(line, value=7, origin="Chain")).total_cents == 1000
    assert only_line(document(line, value=7, origin="Marketplace")).total_cents == 3000


@pytest.mark.parametrize(
    ("line", "tax", "of_a_piece"),
    [
        pytest.param({"tax": 215}, 645, 215, id="of a piece"),
        pytest.param({"tax": "215"}, 645, 215, id="as text"),
        pytest.param({"tax": None}, 0, 0, id="null"),
        pytest.param(
            {"priceTags": [{"name": "TAXHUB@ICMS", "value": 646}]}, 646, 215, id="service"
        ),
        pytest.param({"priceTags": [{"name": "taxhub-1", "rawValue": 6.46}]}, 646, 215, id="raw"),
        pytest.param(
            {"tax": 215, "priceTags": [{"name": "TAXHUB", "value": 645}]}, 645, 215, id="both"
        ),
        pytest.param(
            {"tax": 1, "priceTags": [{"name": "TAXHUB", "value": 645}]}, 645, 215, id="the sum's"
        ),
        pytest.param({"tax": 645}, 645, 215, id="of the line, as the sum has it"),
        pytest.param(
            {
                "tax": 215,
                "priceTags": [{"name": "tax@price-1", "rawValue": 0.275, "isPercentual": True}],
            },
            645,
            215,
            id="a share that is in the tax",
        ),
    ],
)
def test_a_lines_tax_is_of_all_its_pieces(line: dict[str, Any], tax: int, of_a_piece: int) -> None:
    taxed = document(item("4", 3, 599, **line), totals={"Items": 1797, "Tax": tax})

    order = read(taxed)
    (told,) = fulfilment(encoded(taxed)).lines

    assert (order.lines[0].total_cents, order.lines[0].tax_cents) == (1797, tax)
    assert (told.tax_cents, told.piece_tax_cents) == (tax, of_a_piece)
    assert (order.reckoning.tax_cents, order.reckoning.difference_cents) == (tax, 0)


@pytest.mark.parametrize(
    ("service", "row"),
    [
        pytest.param({"price": 150, "quantity": 2}, (2, 150, 300, False), id="as it says"),
        pytest.param({"price": 150, "quantity": 1}, (2, 150, 300, False), id="one a piece"),
        pytest.param({"price": "150"}, (1, 150, 150, False), id="no quantity"),
        pytest.param({"price": 200, "sellingPrice": 150}, (1, 150, 150, False), id="discounted"),
        pytest.param({"price": 150, "quantity": 2}, (2, 150, 0, True), id="in no sum"),
        pytest.param({"quantity": 2}, (2, 0, 0, False), id="without a price"),
    ],
)
def test_services_are_told_as_the_sum_has_them(
    service: dict[str, Any], row: tuple[int, int, int, bool]
) -> None:
    cents = row[2]
    wrapped = item("7", 2, 10000, bundleItems=[{"id": 1033, "name": "Wrap", **service}, None])

    order = read(document(wrapped, totals={"Items": 20000 + cents, "Shipping": 700}))

    assert order.lines[0].total_cents == 20000
    (told,) = service_rows(order)
    assert told["service_id"] == "1033"
    assert (told["quantity"], told["price_cents"]) == row[:2]
    assert (told["total_cents"], told["is_in_line"]) == row[2:]
    assert order.reckoning == Reckoning(lines_cents=20000, services_cents=cents, freight_cents=700)


def test_a_gift_costs_nothing_where_the_sum_says_so() -> None:
    gift = item("9", 1, 1990, isGift=True, sellingPrice=None, priceDefinition=None)

    order = read(document(item("7", 1, 5000), gift, totals={"Items": 5000}))

    assert [(line.total_cents, line.is_gift) for line in order.lines] == [(5000, False), (0, True)]


def test_a_kits_parts_are_told() -> None:
    parts = [
        {"uniqueId": "C1", "id": 901, "refId": "R901", "quantity": "2", "name": "Part"},
        {"id": "902"},
        "odd",
    ]

    line = only_line(document(item("9", 1, 100, components=parts), value=100))

    assert [(part.unique_id, part.sku, part.quantity) for part in line.components] == [
        ("C1", "901", 2),
        ("", "902", 1),
    ]


@pytest.mark.parametrize(
    ("changes", "difference", "reason"),
    [
        pytest.param({}, 0, None, id="right"),
        pytest.param({"value": 10001}, 1, Reason.ROUNDING, id="a cent"),
        pytest.param({"value": 10004, "roundingError": -4}, 4, Reason.ROUNDING, id="VTEX's own"),
        pytest.param({"value": 9500, "origin": "Fulfillment"}, -500, Reason.MARKETPLACE, id="sold"),
        pytest.param(
            {"value": 9500, "affiliateId": "MGZ"}, -500, Reason.MARKETPLACE, id="affiliate"
        ),
        pytest.param({"value": 9500}, -500, Reason.TOTALS, id="its own sums"),
        pytest.param(
            {
                "totals": [{"id": "Items", "value": 10000}, {"id": "Tax", "value": 70}],
                "value": 10070,
            },
            70,
            Reason.TAX,
            id="a tax of no line",
        ),
        pytest.param(
            {"totals": [{"id": "Items", "value": 12000}], "value": 12000},
            2000,
            Reason.ITEMS,
            id="goods of no line",
        ),
        pytest.param(
            {"value": 9500, "changesAttachment": {"changesData": [{"discountValue": 500}]}},
            -500,
            Reason.CHANGE,
            id="a change of no sum",
        ),
    ],
)
def test_what_does_not_add_up_is_told_with_its_likely_reason(
    changes: dict[str, Any], difference: int, reason: Reason | None
) -> None:
    order = read({**document(item("8", 2, 5000), totals={"Items": 10000}), **changes})

    assert (order.reckoning.difference_cents, order.reckoning.reason) == (difference, reason)
    assert order.lines[0].total_cents == 10000


def test_a_marketplaces_own_discount_is_a_sum_of_its_own() -> None:
    totals = {"Items": 10000, "Shipping": 1361, "DiscountMarketplace": -184}

    order = read(document(item("8", 2, 5000), totals=totals, origin="Fulfillment"))

    assert order.totals.other_cents == -184
    assert order.reckoning == Reckoning(lines_cents=10000, freight_cents=1361, other_cents=-184)


@pytest.mark.parametrize("shipping", [{"Shipping": 1500}, {"Shipping": 1500, "shipping ": 0}])
def test_a_discount_of_the_freight_is_in_no_line(shipping: dict[str, int]) -> None:
    tags = [{"name": "discount@shipping-1", "value": -600}]
    totals = {"Items": 5000, "Discounts": -600, **shipping}

    order = read(document(item("8", 1, 5000, priceTags=tags), totals=totals))

    assert order.reckoning == Reckoning(lines_cents=5000, freight_cents=1500, discounts_cents=-600)


def test_an_order_of_2014_without_sums_takes_its_freight_from_its_deliveries() -> None:
    old = document(item("8", 2, 5000, uniqueId=None), value="11500")
    del old["totals"]
    old["shippingData"] = {"logisticsInfo": [{"itemIndex": 0, "price": 1500}]}

    order = read(old)

    assert (order.lines[0].line_id, order.lines[0].total_cents) == ("", 10000)
    assert order.reckoning == Reckoning(lines_cents=10000, freight_cents=1500)


def test_several_totals_of_one_kind_count_together() -> None:
    data = document(item("8", 1, 5000), value=5300)
    data["totals"] = [
        {"id": "Items", "value": "4000"},
        {"id": "items", "value": 1000},
        {"id": "Shipping", "value": 300.0},
        {"id": None, "value": None},
    ]

    assert read(data).reckoning == Reckoning(lines_cents=5000, freight_cents=300)
    assert read(data).totals.items_cents == 5000
