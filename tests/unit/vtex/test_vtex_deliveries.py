"""Where each line goes and when, who pays and for whom, and odd texts on the way in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.order_documents import document, item, read

from orders_sync.domain.order import Order

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
