from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]


def error_code(answer: requests.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_an_invoice_of_the_whole_order_makes_it_invoiced_in_a_while(
    box: Box, call: Call, sale: Sale, order_id: str, clock: SettableClock
) -> None:
    box.dials.invoicing_seconds = 5

    answer = call("POST", order_id, "/invoice", sale(order_id))
    at_once = call("GET", order_id).json()
    clock.advance(5)
    order = call("GET", order_id).json()

    assert answer.status_code == 200
    assert set(answer.json()) == {"date", "orderId", "receipt"}
    assert (at_once["status"], at_once["invoicedDate"]) == ("invoice", None)
    assert (order["status"], order["invoicedDate"]) == (
        "invoiced",
        "2026-11-27T12:00:05.0000000+00:00",
    )


def test_an_invoice_shows_as_a_package(box: Box, call: Call, sale: Sale, order_id: str) -> None:
    body = sale(
        order_id,
        "NF-7",
        invoiceKey="352",
        invoiceUrl="https://erp.example/7.pdf",
        courier="Correios",
        trackingNumber="BR1",
        trackingUrl="https://track.example/BR1",
        embeddedInvoice="<nfe/>",
    )

    call("POST", order_id, "/invoice", body)
    (package,) = call("GET", order_id).json()["packageAttachment"]["packages"]

    assert [item["itemIndex"] for item in package.pop("items")] == list(
        range(len(box.order(order_id).lines))
    )
    assert package == {
        "courier": "Correios",
        "invoiceNumber": "NF-7",
        "invoiceValue": box.order(order_id).value,
        "invoiceUrl": "https://erp.example/7.pdf",
        "issuanceDate": "2026-11-27T12:00:00-03:00",
        "trackingNumber": "BR1",
        "invoiceKey": "352",
        "trackingUrl": "https://track.example/BR1",
        "embeddedInvoice": "<nfe/>",
        "type": "Output",
        "courierStatus": None,
        "cfop": None,
        "restitutions": {},
        "volumes": None,
        "EnableInferItems": None,
    }


def test_an_accepted_invoice_shows_only_after_a_while(
    box: Box, call: Call, sale: Sale, order_id: str, clock: SettableClock
) -> None:
    box.dials.visible_after_seconds = 2

    call("POST", order_id, "/invoice", sale(order_id))
    at_once = call("GET", order_id).json()
    clock.advance(2)
    later = call("GET", order_id).json()

    assert (at_once["status"], at_once["packageAttachment"]["packages"]) == ("handling", [])
    assert later["status"] == "invoiced"
    assert len(later["packageAttachment"]["packages"]) == 1


def test_an_invoice_counts_before_it_shows(box: Box, call: Call, sale: Sale, order_id: str) -> None:
    box.dials.visible_after_seconds = 2
    body = sale(order_id)
    call("POST", order_id, "/invoice", body)

    again = call("POST", order_id, "/invoice", {**body, "invoiceNumber": "NF2"})
    cancel = call("POST", order_id, "/cancel")

    assert (again.status_code, cancel.status_code) == (400, 400)


def test_partial_invoices_add_up(box: Box, call: Call, sale: Sale, order_id: str) -> None:
    value = box.order(order_id).value

    call("POST", order_id, "/invoice", sale(order_id, "A", invoiceValue=100))
    in_part = call("GET", order_id).json()
    call("POST", order_id, "/invoice", sale(order_id, "B"))

    assert in_part["status"] == "handling"
    assert box.order(order_id).status == "invoiced"
    assert box.order(order_id).invoices_total == value
    assert box.order(order_id).invoice_effects == {"A": 1, "B": 1}


def test_a_second_part_may_come_while_the_first_is_verified(
    box: Box, call: Call, sale: Sale, order_id: str, clock: SettableClock
) -> None:
    box.dials.invoicing_seconds = 5
    call("POST", order_id, "/invoice", sale(order_id, "A", invoiceValue=100))
    clock.advance(3)

    call("POST", order_id, "/invoice", sale(order_id, "B"))
    clock.advance(2)

    assert box.order(order_id).status == "invoiced"


def test_the_same_number_again_only_renews_the_receipt(
    box: Box, call: Call, sale: Sale, order_id: str
) -> None:
    first = call("POST", order_id, "/invoice", sale(order_id, "A"))
    before = call("GET", order_id).content

    again = call("POST", order_id, "/invoice", sale(order_id, "A", invoiceValue="1"))

    assert again.status_code == 200
    assert again.content != first.content
    assert call("GET", order_id).content == before
    assert [one.effect for one in box.calls(order_id) if one.call == "invoice"] == [True, False]
    assert box.order(order_id).invoice_effects == {"A": 1}


def test_more_than_the_order_is_worth_is_refused(
    box: Box, call: Call, sale: Sale, order_id: str
) -> None:
    value = box.order(order_id).value
    call("POST", order_id, "/invoice", sale(order_id, "A", invoiceValue=1))

    answer = call("POST", order_id, "/invoice", sale(order_id, "B", invoiceValue=value))

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert box.order(order_id).invoices_total == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"invoiceValue": "0"}, id="value zero"),
        pytest.param({"invoiceValue": -1}, id="value negative"),
        pytest.param({"invoiceValue": "24.99"}, id="value with a point"),
        pytest.param({"invoiceValue": 24.99}, id="value with a fraction"),
        pytest.param({"invoiceValue": None}, id="no value"),
        pytest.param({"invoiceValue": True}, id="value a boolean"),
        pytest.param({"type": "Sale"}, id="unknown type"),
        pytest.param({"issuanceDate": "yesterday"}, id="no date"),
        pytest.param({"issuanceDate": "2026-11-27 12:00:00"}, id="date with a space"),
        pytest.param({"invoiceNumber": " "}, id="blank number"),
        pytest.param({"invoiceNumber": None}, id="no number"),
        pytest.param({"items": None}, id="no items"),
        pytest.param({"items": ["18"]}, id="items are texts"),
        pytest.param({"items": [{"id": "0", "price": 1, "quantity": 1}]}, id="foreign SKU"),
        pytest.param({"courier": 7}, id="courier a number"),
    ],
)
def test_a_body_that_is_wrong_is_refused(
    box: Box, call: Call, sale: Sale, order_id: str, changes: dict[str, Any]
) -> None:
    answer = call("POST", order_id, "/invoice", sale(order_id, **changes))

    assert (answer.status_code, error_code(answer)) == (400, "FMT001")
    assert box.order(order_id).packages == ()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"invoiceValue": 100}, id="value a number"),
        pytest.param({"invoiceValue": 100.0}, id="value a whole float"),
        pytest.param({"issuanceDate": "2026-11-27T12:00:00-0300"}, id="offset without a colon"),
        pytest.param({"issuanceDate": "2026-11-27T12:00:00.1234567Z"}, id="seven digits"),
        pytest.param({"issuanceDate": "2026-11-27T12:00:00"}, id="no offset"),
        pytest.param({"items": []}, id="no items listed"),
        pytest.param({"invoiceNumber": "1/2 #3"}, id="a number that breaks tracking"),
    ],
)
def test_a_body_that_is_unusual_is_taken(
    box: Box, call: Call, sale: Sale, order_id: str, changes: dict[str, Any]
) -> None:
    answer = call("POST", order_id, "/invoice", sale(order_id, **changes))

    assert answer.status_code == 200
    assert len(box.order(order_id).packages) == 1


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        pytest.param("canceled-early", "canceled", id="canceled"),
        pytest.param("replaced", "replaced", id="replaced"),
        pytest.param("incomplete", None, id="incomplete"),
    ],
)
def test_a_status_that_takes_no_invoice_says_so(
    box: Box, call: Call, sale: Sale, trouble: str, status: str | None
) -> None:
    (order_id,) = box.create_orders(1, trouble)

    answer = call("POST", order_id, "/invoice", sale(order_id))

    assert (answer.status_code, error_code(answer)) == (400, "ORD039")
    assert box.order(order_id).status == status


def test_an_invoiced_order_takes_no_further_sale(
    box: Box, call: Call, sale: Sale, order_id: str
) -> None:
    call("POST", order_id, "/invoice", sale(order_id, "A"))

    answer = call("POST", order_id, "/invoice", sale(order_id, "B", invoiceValue=1))

    assert error_code(answer) == "ORD039"
    assert [package.number for package in box.order(order_id).packages] == ["A"]


def test_an_order_that_is_ready_may_be_invoiced_at_once(box: Box, call: Call, sale: Sale) -> None:
    (order_id,) = box.create_orders(1)

    call("POST", order_id, "/invoice", sale(order_id))

    assert box.order(order_id).status == "invoiced"


def test_an_invoice_denies_a_requested_cancellation(
    box: Box, shop: requests.Session, call: Call, sale: Sale, order_id: str
) -> None:
    config = {
        "filter": {"type": "FromWorkflow"},
        "queue": {"visibilityTimeoutInSeconds": 30, "MessageRetentionPeriodInSeconds": 345_600},
    }
    shop.post("http://vtex/api/orders/feed/config", json=config)
    box.cancel(order_id, request=True)

    call("POST", order_id, "/invoice", sale(order_id))

    items = shop.get("http://vtex/api/orders/feed?maxlot=10").json()
    states = [item["state"] for item in items if item["domain"] == "Fulfillment"]
    assert states == [
        "cancellation-requested",
        "invoice-after-cancellation-deny",
        "invoice",
        "invoiced",
    ]
    assert [one.denied for one in box.order(order_id).cancellations] == [True]


def test_an_invoice_of_an_unknown_order_is_not_found(call: Call, sale: Sale, order_id: str) -> None:
    assert call("POST", "1-01", "/invoice", sale(order_id)).status_code == 404
