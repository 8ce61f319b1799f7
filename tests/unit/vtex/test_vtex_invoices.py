"""Invoices and tracking: what is sent, what comes back, and what is not sent."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar

import pytest
from unit.vtex.calls import (
    ARRIVED,
    BARE_TRACKING,
    COLLECTED,
    ITEM,
    NOON,
    ON_ITS_WAY,
    PART,
    TRACKING,
    WHOLE,
)
from unit.vtex.recording import client_of

from orders_sync.commands.body import Part, Quantity
from orders_sync.domain.fulfilment import VtexReceipt
from orders_sync.errors import NotFound, OutcomeUnknown, ParkedError, Refused
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Response

BRASILIA = timezone(timedelta(hours=-3))
P = TypeVar("P", bound=Part)


def changed(part: P, **fields: Any) -> P:
    """Return a copy that no validator has seen, as a judge makes it."""
    return part.model_copy(update=fields)


def test_an_invoice_is_worded_as_vtex_wants_it() -> None:
    client, recorder = client_of("invoice-receipt")

    client.invoice("1-01", changed(PART, issued_at=NOON.astimezone(BRASILIA)))

    assert recorder.sent == (
        "POST",
        "/api/oms/pvt/orders/1-01/invoice",
        {
            "type": "Output",
            "issuanceDate": "2026-11-24T09:00:00-03:00",
            "invoiceNumber": "NF1",
            "invoiceValue": "2499",
            "items": [{"id": "8", "price": 2499, "quantity": 1}],
        },
    )


def test_a_return_with_everything_on_it_is_sent_whole() -> None:
    client, recorder = client_of("invoice-receipt")

    client.invoice("1-01", WHOLE)

    _, _, body = recorder.sent
    assert body == {
        "type": "Input",
        "issuanceDate": "2026-11-24T12:00:00+00:00",
        "invoiceNumber": "NF2",
        "invoiceValue": "2499",
        "items": [{"id": "8", "price": 2499, "quantity": 1}],
        "invoiceKey": "CFe35",
        "invoiceUrl": "https://erp.example.com/NF2.xml",
        "embeddedInvoice": "<NFe/>",
        "courier": "Swift",
        "trackingNumber": "TRK1",
        "trackingUrl": "https://swift.example.com/TRK1",
        "dispatchedDate": "2026-11-24T12:00:00+00:00",
        "cfop": "5102",
    }


def test_a_receipt_is_read() -> None:
    client, _ = client_of("invoice-receipt")

    assert client.invoice("1-01", PART) == VtexReceipt(
        receipt="38e0e47da2934847b489216d208cfd91",
        date=datetime(2026, 2, 7, 17, 22, 56, 761221, tzinfo=UTC),
        order_id="00-v5195004lux-01",
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"OK"', id="a word"),
        pytest.param(b'{"receipt": null, "date": "soon", "orderId": ""}', id="nulls"),
    ],
)
def test_a_success_without_a_receipt_is_a_success(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))

    assert client.invoice("1-01", PART) == VtexReceipt(None, None, "1-01")


def test_a_broken_receipt_leaves_the_invoice_in_doubt() -> None:
    client, _ = client_of(Response(200, {}, b'{"receipt": '))

    with pytest.raises(OutcomeUnknown, match="invoice 1-01 NF1"):
        client.invoice("1-01", PART)


def test_vtexs_refusal_of_an_invoice_is_told_in_its_words() -> None:
    client, _ = client_of("invoice-refused-400")

    with pytest.raises(Refused, match="cannot accept invoice") as raised:
        client.invoice("1-01", PART)
    assert raised.value.code == "ORD039"


def test_tracking_is_written_with_nulls_where_nothing_is_known() -> None:
    client, recorder = client_of("invoice-receipt")

    client.update_invoice("1-01", "NF1", BARE_TRACKING)

    assert recorder.sent == (
        "PATCH",
        "/api/oms/pvt/orders/1-01/invoice/NF1",
        {"trackingNumber": "TRK1", "trackingUrl": None, "dispatchedDate": None, "courier": None},
    )


def test_tracking_of_an_invoice_that_vtex_has_not_is_not_found() -> None:
    client, _ = client_of("invoice-not-found-404")

    with pytest.raises(NotFound, match="update_invoice 1-01 NF1"):
        client.update_invoice("1-01", "NF1", TRACKING)


def test_progress_is_worded_in_vtexs_own_date_formats() -> None:
    client, recorder = client_of("invoice-receipt")
    evening = datetime(2026, 11, 24, 22, 15, 59, tzinfo=BRASILIA)
    first = changed(COLLECTED, date=date(2026, 6, 23))
    last = changed(ARRIVED.events[0], date=evening)
    progress = changed(ARRIVED, events=(first, last), delivered_at=evening)

    client.update_tracking("1-01", "NF1", progress)

    assert recorder.sent == (
        "PUT",
        "/api/oms/pvt/orders/1-01/invoice/NF1/tracking",
        {
            "isDelivered": True,
            "deliveredDate": "2026-11-24 22:15",
            "events": [
                {
                    "city": "Rio de Janeiro",
                    "state": "RJ",
                    "description": "Collected",
                    "date": "2026-06-23",
                },
                {"city": "Recife", "state": "PE", "description": "Delivered", "date": "2026-11-24"},
            ],
        },
    )


def test_a_package_on_its_way_has_no_time_of_delivery() -> None:
    client, recorder = client_of("invoice-receipt")

    client.update_tracking("1-01", "NF1", ON_ITS_WAY)

    _, _, body = recorder.sent
    assert (body["isDelivered"], body["deliveredDate"]) == (False, None)


def test_an_invoice_number_stays_one_segment_of_the_path() -> None:
    client, recorder = client_of("invoice-receipt", "invoice-receipt")

    client.update_invoice("SLR-1/01", "NF 1/#2", TRACKING)
    client.update_tracking("SLR-1/01", "..%2f", ARRIVED)

    assert [sent.path for sent in recorder.requests] == [
        "/api/oms/pvt/orders/SLR-1%2F01/invoice/NF%201%2F%232",
        "/api/oms/pvt/orders/SLR-1%2F01/invoice/..%252f/tracking",
    ]


UNSENDABLE: dict[str, tuple[str, Callable[[VtexClient], Any]]] = {
    "no items": ("has no items", lambda c: c.invoice("1-01", changed(PART, items=None))),
    "a SKU twice": (
        "SKU 8 more than once",
        lambda c: c.invoice("1-01", changed(PART, items=(ITEM, ITEM))),
    ),
    "an item without a SKU": (
        "an item without one",
        lambda c: c.invoice("1-01", changed(PART, items=(Quantity(line_id="A", quantity=1),))),
    ),
    "no value": (
        "has no value_cents",
        lambda c: c.invoice("1-01", changed(PART, value_cents=None)),
    ),
    "no time": ("has no issued_at", lambda c: c.invoice("1-01", changed(PART, issued_at=None))),
    "no tracking number": (
        "tracking number is missing",
        lambda c: c.update_invoice("1-01", "NF1", ON_ITS_WAY),
    ),
    "delivered and not": (
        "not delivered",
        lambda c: c.update_tracking("1-01", "NF1", changed(ARRIVED, delivered=False)),
    ),
}


@pytest.mark.parametrize(("said", "send"), UNSENDABLE.values(), ids=UNSENDABLE.keys())
def test_what_vtex_would_misread_is_parked_and_not_sent(
    said: str, send: Callable[[VtexClient], Any]
) -> None:
    client, recorder = client_of()

    with pytest.raises(ParkedError, match=said) as raised:
        send(client)

    assert recorder.requests == []
    assert raised.value.cause == "vtex.not_sendable"
    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own bytes.
    assert (str(again), again.cause, again.hint) == (
        str(raised.value),
        raised.value.cause,
        raised.value.hint,
    )


@pytest.mark.parametrize("number", ["", ".", ".."])
def test_an_invoice_number_that_leads_elsewhere_is_not_asked_for(number: str) -> None:
    client, recorder = client_of()

    with pytest.raises(NotFound):
        client.update_invoice("1-01", number, TRACKING)
    assert recorder.requests == []


def test_no_repr_of_an_invoice_shows_its_xml() -> None:
    assert "<NFe/>" not in repr(WHOLE)
