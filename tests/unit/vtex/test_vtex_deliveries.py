"""Where each line goes and when, who pays and for whom, and odd texts on the way in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.order_documents import change, changed, document, item, read, swap

from orders_sync.domain.order import Order, Source
from orders_sync.erp.staging_rows import line_rows, order_row

HOME = {"addressId": "H", "addressType": "residential", "city": "Olinda"}
WORK = {"addressId": "W", "addressType": "commercial", "city": "Recife"}
STORE = {"addressId": "S", "addressType": "pickup", "city": "Natal"}


def shipped(*logistics: dict[str, Any], address: Any = HOME, selected: Any = ()) -> Order:
    lines = [item(str(place), 1, 100) for place in range(len(logistics))]
    shipping = {
        "address": address,
        "selectedAddresses": list(selected),
        "logisticsInfo": [{"itemIndex": place, **info} for place, info in enumerate(logistics)],
    }
    return read(document(*lines, value=100 * len(lines), shippingData=shipping))


def cities(order: Order) -> list[str | None]:
    return [at.address.city if at.address else None for at in order.deliveries]


def test_each_line_goes_to_the_address_that_it_names() -> None:
    order = shipped(
        {"addressId": "H"}, {"addressId": "W"}, {"addressId": "H"}, selected=[HOME, WORK]
    )

    assert cities(order) == ["Olinda", "Recife", "Olinda"]
    assert order.address is not None
    assert order.address.city == "Olinda"


@pytest.mark.parametrize(
    ("info", "selected", "city"),
    [
        pytest.param({}, [], "Olinda", id="without an id, as of old"),
        pytest.param({"addressId": None}, [HOME], "Olinda", id="null"),
        pytest.param({"addressId": "H"}, None, "Olinda", id="selected by nobody"),
        pytest.param({"addressId": "X"}, [], "Olinda", id="another id, and one address"),
        pytest.param({"addressId": "X"}, [HOME, WORK], None, id="an id of none of several"),
        pytest.param({"addressId": "S"}, [HOME, STORE, "odd"], "Natal", id="a pickup by its id"),
        pytest.param(
            {"deliveryChannel": "pickup-in-point", "pickupStoreInfo": {"address": STORE}},
            [HOME],
            "Natal",
            id="a pickup by its store",
        ),
    ],
)
def test_an_address_is_the_lines_or_none(
    info: dict[str, Any], selected: Any, city: str | None
) -> None:
    assert cities(shipped(info, selected=selected or ())) == [city]


def test_the_hours_that_the_customer_chose_are_told() -> None:
    window = {"startDateUtc": "2026-12-05T11:00:00+00:00", "endDateUtc": "2026-12-05T14:00:00Z"}

    (first, second) = shipped({"deliveryWindow": window}, {"deliveryWindow": "odd"}).deliveries

    assert first.window_from == datetime(2026, 12, 5, 11, tzinfo=UTC)
    assert first.window_until == datetime(2026, 12, 5, 14, tzinfo=UTC)
    assert (second.window_from, second.window_until) == (None, None)


def test_dock_and_carrier_are_told() -> None:
    served = {"dockId": 3, "warehouseId": "1_1", "courierId": "c", "courierName": "Ipê"}

    (delivery,) = shipped({"deliveryIds": [served]}).deliveries

    assert (delivery.dock_id, delivery.warehouse_id) == ("3", "1_1")
    assert (delivery.courier_id, delivery.courier_name) == ("c", "Ipê")


def test_a_line_from_two_warehouses_tells_both_with_their_pieces() -> None:
    near = {"warehouseId": "N", "dockId": "1", "courierId": "a", "courierName": "A", "quantity": 2}
    far = {"warehouseId": "F", "dockId": 2, "quantity": "odd"}

    first, second = shipped({"deliveryIds": [near, None, far]}, {"deliveryIds": None}).deliveries

    assert first.sources == (Source("N", "1", "a", "A", 2), Source("F", "2", None, None, None))
    assert (first.warehouse_id, second.sources) == ("N", ())


def test_what_the_lines_pay_for_delivery_is_what_the_order_does() -> None:
    lines: list[dict[str, Any]] = [
        {"price": 900, "sellingPrice": 400},
        {"price": 700, "sellingPrice": 0},
        {"price": 150},
        {"price": 50, "sellingPrice": None},
    ]
    logistics = [{"itemIndex": place, **info} for place, info in enumerate(lines)]
    items = [item(str(place), 1, 100) for place in range(4)]
    totals = {"Items": 400, "Shipping": 600}

    order = read(document(*items, totals=totals, shippingData={"logisticsInfo": logistics}))

    row, paid = order_row(order), [line["delivery_price_cents"] for line in line_rows(order)]
    assert paid == [400, 0, 150, 50]
    assert sum(paid) == row["freight_cents"] + row["beside_cents"]


def test_an_added_line_goes_with_the_others_and_pays_no_delivery() -> None:
    served = {"warehouseId": "N", "quantity": 1}
    info = {"itemIndex": 0, "price": 900, "sellingPrice": 400, "deliveryIds": [served]}
    told = changed(change(added=(swap("new", 1, 250),)))
    totals = {"Items": 100, "Shipping": 400, "Change": 250}
    shipping = {"address": HOME, "logisticsInfo": [info]}

    order = read(document(item("0", 1, 100), totals=totals, shippingData=shipping, **told))

    assert [at.price_cents for at in order.deliveries] == [400, 0]
    assert [at.sources[0].quantity for at in order.deliveries] == [1, None]
    assert [json.loads(row["sources"])[0]["warehouse_id"] for row in line_rows(order)] == ["N", "N"]


@pytest.mark.parametrize(
    ("transaction", "entry", "told"),
    [
        pytest.param(
            {"transactionId": "PAYMENT-FROM-AFFILIATE"},
            {"connectorResponses": {"authId": "A1", "acquirerCnpj": "00000000000191"}},
            ("PAYMENT-FROM-AFFILIATE", "A1", "00000000000191", True),
            id="by its transaction",
        ),
        pytest.param(
            {"transactionId": "PAYMENT-FROM-AFFILIATE"},
            {"connectorResponses": {"AuthId": 7, "AcquirerCNPJ": 191}},
            ("PAYMENT-FROM-AFFILIATE", "7", "191", True),
            id="in other capitals, as numbers",
        ),
        pytest.param(
            {"transactionId": None},
            {"paymentSystemName": "Assumed Value by Affiliate", "connectorResponses": None},
            (None, None, None, True),
            id="by the older sign",
        ),
        pytest.param(
            {"transactionId": "T"},
            {"connectorResponses": ["odd"]},
            ("T", None, None, False),
            id="a plain one",
        ),
        pytest.param({}, {}, (None, None, None, False), id="nothing"),
    ],
)
def test_who_took_the_money_is_told(
    transaction: dict[str, Any], entry: dict[str, Any], told: tuple[Any, ...]
) -> None:
    paid = {"transactions": [{**transaction, "payments": [{"id": "P", "value": 100, **entry}]}]}

    (payment,) = read(document(item("1", 1, 100), value=100, paymentData=paid)).payments

    assert told == (
        payment.transaction_id,
        payment.authorization,
        payment.acquirer_document,
        payment.is_by_marketplace,
    )


def test_a_company_is_told_with_its_invoice_address_and_remark() -> None:
    profile = {
        "firstName": "Inês",
        "isCorporate": True,
        "corporateName": "Exemplo Ltda",
        "tradeName": "Exemplo",
        "stateInscription": 123456789,
        "corporatePhone": "+55",
        "customerClass": "B",
        "customerCode": "C9",
    }

    order = read(
        document(
            item("1", 1, 100),
            value=100,
            clientProfileData=profile,
            invoiceData={"address": WORK},
            openTextField={"value": "Doca 3"},
            customData={"customApps": [{"id": "erp", "fields": {"a": "b\x00\ud800"}}]},
        )
    )

    customer = order.customer
    assert (customer.trade_name, customer.state_inscription) == ("Exemplo", "123456789")
    assert (customer.corporate_phone, customer.customer_class) == ("+55", "B")
    assert customer.customer_code == "C9"
    assert order.invoice_address is not None
    assert (order.invoice_address.city, order.remark) == ("Recife", "Doca 3")
    assert json.loads(order.custom_data or "") == {
        "customApps": [{"id": "erp", "fields": {"a": "b\ufffd\ufffd"}}]
    }


@pytest.mark.parametrize(
    "odd",
    [
        {"invoiceData": None, "openTextField": None, "customData": None},
        {"invoiceData": {"address": None}, "openTextField": {"value": None}, "customData": {}},
        {"invoiceData": "odd", "openTextField": 7, "customData": []},
        {"invoiceData": {"address": "odd"}, "openTextField": [], "customData": 0},
        {},
    ],
)
def test_a_plain_order_has_none_of_it(odd: dict[str, Any]) -> None:
    order = read(document(item("1", 1, 100), value=100, **odd))

    assert (order.invoice_address, order.remark, order.custom_data) == (None, None, None)


def test_a_remark_of_its_own_is_read_too() -> None:
    assert read(document(item("1", 1, 100), value=100, openTextField="Doca 3")).remark == "Doca 3"


@pytest.mark.parametrize("unfit", ["\x00", "\ud83d", "\x1b", "\x7f", "\uffff"])
def test_what_no_database_need_hold_is_replaced_and_the_document_stays(unfit: str) -> None:
    data = document(
        item("1", 1, 100, name=f"Caneca{unfit}X", refId=f"r{unfit}"),
        value=100,
        status=f"ready{unfit}",
        clientProfileData={"firstName": f"A{unfit}", "phone": unfit},
        shippingData={"address": {**HOME, "street": f"Rua\n{unfit}\t"}},
    )

    order = read(data)

    assert (order.lines[0].name, order.lines[0].ref_id) == ("Caneca\ufffdX", "r\ufffd")
    assert (order.customer.first_name, order.customer.phone) == ("A\ufffd", "\ufffd")
    assert order.address is not None
    assert (order.address.street, order.status) == ("Rua\n\ufffd\t", "ready\ufffd")
    assert json.loads(order.document) == data
