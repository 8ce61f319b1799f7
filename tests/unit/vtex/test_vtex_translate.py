"""Orders, from VTEX's documents to the domain's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.order import Order, Totals
from orders_sync.errors import Unreadable
from orders_sync.vtex.documents import clean_text
from orders_sync.vtex.translate import OrderSummary, order, summary

LINE: dict[str, Any] = {
    "uniqueId": "U1",
    "id": "18",
    "sellerSku": "S18",
    "name": "Café moído",
    "quantity": 3,
    "price": 1000,
    "listPrice": 1200,
    "sellingPrice": 333,
    "priceDefinition": {"total": 1000},
}

DOCUMENT: dict[str, Any] = {
    "orderId": "1-01",
    "status": "ready-for-handling",
    "isCompleted": True,
    "value": 1500,
    "items": [LINE],
}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(**changes: Any) -> Order:
    return order("mystore", json.dumps({**DOCUMENT, **changes}).encode())


def read_line(**changes: Any) -> Order:
    return read(items=[{**LINE, **changes}])


def test_an_order_with_only_what_an_erp_needs_is_read() -> None:
    found = read()

    assert (found.account, found.order_id, found.status) == (
        "mystore",
        "1-01",
        "ready-for-handling",
    )
    assert found.value_cents == 1500
    assert found.totals == Totals(0, 0, 0, 0, 0)
    assert found.address is None
    assert found.deliveries == ()
    assert found.payments == ()
    assert json.loads(found.document) == DOCUMENT


def test_a_lines_total_is_vtexs_and_not_a_product() -> None:
    line = read_line().lines[0]

    assert (line.selling_price_cents, line.quantity, line.total_cents) == (333, 3, 1000)


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        pytest.param({"priceDefinition": {"total": 7}}, 7, id="as in VTEX's examples"),
        pytest.param(
            {"priceDefinition": None} | {"priceDefinitions": {"total": 8}}, 999, id="null first"
        ),
        pytest.param({"priceDefinition": {"total": None}}, 999, id="no total"),
        pytest.param({"priceDefinition": {}, "sellingPrice": None}, 3000, id="price alone"),
    ],
)
def test_a_lines_total_is_found_or_reckoned(changes: dict[str, Any], total: int) -> None:
    assert read_line(**changes).lines[0].total_cents == total


def test_the_schemas_spelling_of_the_price_definition_is_read_too() -> None:
    line = {key: value for key, value in LINE.items() if key != "priceDefinition"}

    assert read(items=[line | {"priceDefinitions": {"total": 8}}]).lines[0].total_cents == 8


def test_the_same_sku_may_stand_on_several_lines() -> None:
    lines = read(items=[LINE, {**LINE, "uniqueId": "U2", "sellerSku": None}]).lines

    assert [(line.index, line.line_id, line.sku) for line in lines] == [
        (0, "U1", "18"),
        (1, "U2", "18"),
    ]
    assert [line.seller_sku for line in lines] == ["S18", "18"]


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        pytest.param(1500, 1500, id="an integer"),
        pytest.param(1500.0, 1500, id="a whole float"),
        pytest.param("1500", 1500, id="a string"),
        pytest.param("-20", -20, id="a negative string"),
    ],
)
def test_cents_are_read_where_it_is_safe(value: object, cents: int) -> None:
    assert read(value=value).value_cents == cents


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param({"value": 10.5}, "$.value", id="half cents"),
        pytest.param({"value": True}, "$.value", id="a boolean"),
        pytest.param({"value": "R$ 15"}, "$.value", id="money as text"),
        pytest.param({"value": None}, "$.value", id="no value"),
        pytest.param({"orderId": ""}, "$.orderId", id="no id"),
        pytest.param({"items": None}, "$.items", id="null lines"),
        pytest.param({"items": []}, "$.items", id="no lines"),
        pytest.param({"items": [LINE, {**LINE, "price": None}]}, "$.items[1].price", id="price"),
        pytest.param({"items": [{**LINE, "quantity": -1}]}, "$.items[0].quantity", id="below 0"),
        pytest.param({"totals": [{"id": "Tax", "value": "?"}]}, "$.totals[0].value", id="total"),
        pytest.param(
            {"clientProfileData": {"firstName": {"a": 1}}},
            "$.clientProfileData.firstName",
            id="a name that is no text",
        ),
    ],
)
def test_what_cannot_be_read_is_named_without_its_content(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(Unreadable) as raised:
        read(**changes)

    assert f"{place} " in str(raised.value)
    assert "R$" not in str(raised.value)
    assert "{'a'" not in str(raised.value)


@pytest.mark.parametrize("document", [b"", b"[]", b"null", b'{"orderId":', b'"x"'])
def test_a_document_that_is_no_object_is_unreadable(document: bytes) -> None:
    with pytest.raises(Unreadable, match="must be a JSON object"):
        order("mystore", document)
    with pytest.raises(Unreadable, match="must be a JSON object"):
        summary(document)


@given(st.dictionaries(st.text().map(lambda name: f"new-{name}"), JSON_VALUES, max_size=5))
def test_fields_that_vtex_adds_change_nothing(added: dict[str, Any]) -> None:
    found = read(**added)

    assert found.lines == read().lines
    assert json.loads(found.document) == {**DOCUMENT, **added}


@given(st.none() | st.text(min_size=1))
def test_every_status_survives(status: str | None) -> None:
    document = json.dumps({**DOCUMENT, "status": status}).encode()

    assert order("mystore", document).status == clean_text(status)
    assert summary(document).status == status


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"status": "handling", "items": 7}, ("handling", True), id="malformed"),
        pytest.param({"status": None, "isCompleted": False}, (None, False), id="incomplete"),
        pytest.param({"status": "handling", "isCompleted": None}, ("handling", False), id="null"),
        pytest.param({"status": "handling", "isCompleted": "true"}, ("handling", True), id="text"),
        pytest.param({"status": 7}, (None, True), id="a status that is no text"),
        pytest.param({}, (None, True), id="nothing at all"),
    ],
)
def test_where_an_order_stands_is_read_from_the_rest_of_a_ruin(
    document: dict[str, Any], expected: tuple[str | None, bool]
) -> None:
    assert summary(json.dumps(document).encode()) == OrderSummary(*expected)


def test_totals_are_summed_by_id_and_the_unknown_ones_are_kept() -> None:
    rows = [("Items", 100), ("Items", 5), ("Discounts", -7), ("Shipping", 9), ("Change", 3)]
    rows += [("DiscountMarketplace", -2), ("Interest", 1)]

    totals = read(totals=[{"id": name, "value": value} for name, value in rows]).totals

    assert totals == Totals(
        items_cents=105,
        discounts_cents=-7,
        shipping_cents=9,
        tax_cents=0,
        other_cents=-1,
        change_cents=3,
    )


def test_payments_of_a_replaced_transaction_are_left_out() -> None:
    transactions = [
        {"isActive": False, "payments": [{"id": "old", "value": 1}]},
        {"isActive": True, "payments": [{"id": "P", "group": "instantPayment", "value": "1500"}]},
        {"isActive": True, "payments": None},
        None,
    ]

    payments = read(paymentData={"transactions": transactions}).payments

    assert [(payment.id, payment.group, payment.value_cents) for payment in payments] == [
        ("P", "instantPayment", 1500)
    ]


def test_a_pickup_is_read_as_one() -> None:
    logistics = {
        "itemIndex": 0,
        "selectedDeliveryChannel": "pickup-in-point",
        "pickupPointId": "1_RJ",
        "shippingEstimateDate": "2026-11-24 10:00:00",
        "deliveryIds": [{"courierId": "c", "warehouseId": 12}],
    }
    address = {"addressType": "pickup", "number": 300}

    found = read(shippingData={"address": address, "logisticsInfo": [logistics]})

    assert found.address is not None
    assert (found.address.kind, found.address.number) == ("pickup", "300")
    delivery = found.deliveries[0]
    assert (delivery.channel, delivery.pickup_point_id) == ("pickup-in-point", "1_RJ")
    assert delivery.estimated_at == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert (delivery.courier_id, delivery.warehouse_id) == ("c", "12")
