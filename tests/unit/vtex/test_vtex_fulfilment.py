"""What VTEX shows of an order's invoices, tracking, changes and cancellations."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orders_sync.domain.fulfilment import (
    AppliedChange,
    CancellationRequest,
    ChangedItem,
    FulfilmentLine,
    Package,
    PackageEvent,
    PackageItem,
)
from orders_sync.errors import Unreadable
from orders_sync.vtex.translate import fulfilment

LINE = {"uniqueId": "U1", "id": "8", "sellerSku": "S8", "quantity": 3, "price": 1000}
OUTPUT = {"type": "Output", "invoiceNumber": "NF1", "invoiceValue": 2000}


def document(**fields: Any) -> bytes:
    return json.dumps({"orderId": "1-01", "status": "handling", "value": 3300, **fields}).encode()


def packed(*packages: dict[str, Any]) -> bytes:
    return document(items=[LINE], packageAttachment={"packages": list(packages)})


def test_an_order_with_nothing_done_to_it_is_empty() -> None:
    found = fulfilment(document())

    assert (found.status, found.is_completed, found.value_cents) == ("handling", True, 3300)
    assert (found.lines, found.packages, found.changes, found.cancellation_requests) == ((),) * 4
    assert (found.cancellation_request_id, found.cancellation_requested_by_seller) == (None, None)
    assert (found.allows_cancellation, found.cancel_reason) == (True, None)
    assert (found.invoiced_cents, found.remaining_cents, found.returned_cents) == (0, 3300, 0)


def test_a_line_tells_what_an_invoice_of_it_needs() -> None:
    priced = {**LINE, "sellingPrice": 990, "priceDefinition": {"total": 2971}}

    found = fulfilment(document(items=[LINE, priced]))

    assert found.lines == (
        FulfilmentLine(0, "U1", "8", "S8", 3, 1000, 3000),
        FulfilmentLine(1, "U1", "8", "S8", 3, 990, 2971),
    )


def test_a_package_is_read_whole() -> None:
    package = {
        **OUTPUT,
        "items": [{"itemIndex": 0, "quantity": 2, "price": 1000, "description": "two"}],
        "courier": "Swift",
        "trackingNumber": "TRK1",
        "trackingUrl": "https://swift.example.com/TRK1",
        "invoiceKey": "CFe35",
        "invoiceUrl": "https://erp.example.com/NF1.xml",
        "cfop": 5102,
        "issuanceDate": "2026-11-24 09:00:00.1234567-0300",
        "courierStatus": {
            "finished": True,
            "deliveredDate": "2026-11-25T12:00:00+00:00",
            "data": [
                {"city": "Recife", "state": "PE", "description": "Delivered", "createDate": "x"}
            ],
        },
    }

    found = fulfilment(packed(package))

    assert found.package("NF1") == Package(
        invoice_number="NF1",
        type="Output",
        value_cents=2000,
        items=(PackageItem(0, 2, 1000, None, "two"),),
        courier="Swift",
        tracking_number="TRK1",
        tracking_url="https://swift.example.com/TRK1",
        access_key="CFe35",
        url="https://erp.example.com/NF1.xml",
        cfop="5102",
        issued_at=datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC),
        events=(PackageEvent("Recife", "PE", "Delivered", None, None),),
        is_finished=True,
        delivered_at=datetime(2026, 11, 25, 12, tzinfo=UTC),
    )


def test_a_package_of_nulls_is_read() -> None:
    nulls = {"items": None, "courierStatus": None, "type": None, "invoiceNumber": None}

    (package,) = fulfilment(packed({**nulls, "invoiceValue": "1015"})).packages

    assert (package.invoice_number, package.type, package.value_cents) == ("", "", 1015)
    assert (package.items, package.events, package.is_finished) == ((), (), False)


@pytest.mark.parametrize("value", [{"invoiceValue": None}, {}])
def test_an_invoice_without_its_value_is_worth_its_items(value: dict[str, Any]) -> None:
    items = [{"itemIndex": 0, "quantity": 2, "price": 1000}, {"quantity": 1, "price": "15"}]

    (package,) = fulfilment(packed({"invoiceNumber": "1", **value, "items": items})).packages

    assert package.value_cents == 2015


@pytest.mark.parametrize(
    ("item", "index"),
    [
        pytest.param({}, 0, id="the first, left out"),
        pytest.param({"itemIndex": None, "id": "9"}, 1, id="by its SKU"),
        pytest.param({"id": "S9"}, 1, id="by the seller's SKU"),
        pytest.param({"itemIndex": 0, "id": "9"}, 1, id="another SKU's place"),
        pytest.param({"itemIndex": 7, "id": "9"}, 1, id="a place that is none"),
        pytest.param({"itemIndex": 1, "id": "unknown"}, 1, id="a SKU that is none"),
    ],
)
def test_a_packages_item_finds_its_line(item: dict[str, Any], index: int) -> None:
    lines = [LINE, {**LINE, "uniqueId": "U2", "id": "9", "sellerSku": "S9"}]
    package = {**OUTPUT, "items": [{"quantity": 1, **item}]}

    found = fulfilment(document(items=lines, packageAttachment={"packages": [package]}))

    assert found.packages[0].items[0].index == index


@pytest.mark.parametrize("word", ["output", "OUTPUT", " Output "])
def test_the_type_of_an_invoice_is_read_in_any_capitals(word: str) -> None:
    assert fulfilment(packed({**OUTPUT, "type": word})).invoiced_cents == 2000


def test_only_outgoing_invoices_count_as_invoiced() -> None:
    item = {"itemIndex": 0, "quantity": 2, "price": 1000}
    found = fulfilment(
        packed(
            {**OUTPUT, "items": [item]},
            {
                **OUTPUT,
                "invoiceNumber": "NF2",
                "invoiceValue": 1000,
                "items": [item | {"quantity": 1}],
            },
            {"type": "Input", "invoiceNumber": "R1", "invoiceValue": 500, "items": [item]},
            {"type": "Tomorrow", "invoiceNumber": "T1", "invoiceValue": 7, "items": [item]},
        )
    )

    assert (found.invoiced_cents, found.remaining_cents, found.returned_cents) == (3000, 300, 500)
    assert (found.invoiced_quantity(0), found.invoiced_quantity(1)) == (3, 0)
    assert found.package("R1") is not None
    assert found.package("R2") is None


def test_changes_are_read() -> None:
    change = {
        "reason": "another size",
        "discountValue": 3290,
        "incrementValue": None,
        "itemsAdded": None,
        "itemsRemoved": [{"id": "8", "name": "Toy", "quantity": 1, "price": 3290}],
        "receipt": {"date": "2026-02-06T20:46:04.4003606+00:00", "receipt": "R1"},
    }

    found = fulfilment(document(changesAttachment={"changesData": [change, {}]}))

    assert found.changes == (
        AppliedChange(
            reason="another size",
            discount_cents=3290,
            increment_cents=0,
            added=(),
            removed=(ChangedItem("8", 1, 3290),),
            receipt="R1",
            date=datetime(2026, 2, 6, 20, 46, 4, 400360, tzinfo=UTC),
        ),
        AppliedChange(None, 0, 0, (), (), None, None),
    )


@pytest.mark.parametrize(
    "cancellation",
    [
        pytest.param(
            {"RequestedBySellerNotification": True, "Reason": "why", "CancellationRequestId": "C1"},
            id="the OMS's capitals",
        ),
        pytest.param(
            {"requestedBySellerNotification": True, "reason": "why", "cancellationRequestId": "C1"},
            id="the documents' own",
        ),
    ],
)
def test_a_cancellation_is_read_in_either_spelling(cancellation: dict[str, Any]) -> None:
    found = fulfilment(document(cancellationData=cancellation, allowCancellation=False))

    assert found.cancellation_request_id == "C1"
    assert found.cancellation_requested_by_seller is True
    assert (found.allows_cancellation, found.cancel_reason) == (False, "why")


@pytest.mark.parametrize(
    ("denied", "named", "expected"),
    [
        pytest.param([], None, None, id="none"),
        pytest.param([], "C9", "C9", id="only in the data"),
        pytest.param([False], None, "C0", id="one"),
        pytest.param([True, False, False], "C0", "C2", id="the newest that is open"),
        pytest.param([True], "C0", None, id="denied"),
        pytest.param([True], "C9", "C9", id="denied, and another in the data"),
    ],
)
def test_the_request_that_can_be_answered_is_found(
    denied: list[bool], named: str | None, expected: str | None
) -> None:
    requests = [{"id": f"C{n}", "deniedBySeller": it} for n, it in enumerate(denied)]

    found = fulfilment(
        document(cancellationRequests=requests, cancellationData={"cancellationRequestId": named})
    )

    assert found.cancellation_request_id == expected
    assert [it.is_denied for it in found.cancellation_requests] == denied


def test_a_request_tells_when_and_why() -> None:
    request = {"id": "C1", "reason": "too late", "cancellationRequestDate": "2026-11-24T12:00:00Z"}

    found = fulfilment(document(cancellationRequests=[request, None]))

    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert found.cancellation_requests == (CancellationRequest("C1", "too late", noon, False),)


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        pytest.param(b"[]", "JSON object", id="no object"),
        pytest.param(b"{", "JSON object", id="no JSON"),
        pytest.param(document(value=None), r"\$\.value", id="no value"),
        pytest.param(document(value=True), r"\$\.value", id="a value that is a truth"),
        pytest.param(document(value=10.5), r"\$\.value", id="half a cent"),
        pytest.param(
            document(items=[{**LINE, "quantity": "x"}]), r"\$\.items\[0\]\.quantity", id="line"
        ),
        pytest.param(
            packed(OUTPUT, {**OUTPUT, "invoiceValue": "?"}),
            r"\$\.packageAttachment\.packages\[1\]\.invoiceValue",
            id="an invoice whose value is no number",
        ),
        pytest.param(
            packed({**OUTPUT, "items": [{"itemIndex": 0}]}),
            r"packages\[0\]\.items\[0\]\.quantity is missing",
            id="an item without a quantity",
        ),
    ],
)
def test_what_decisions_are_made_of_must_be_readable(broken: bytes, place: str) -> None:
    with pytest.raises(Unreadable, match=place):
        fulfilment(broken)


def test_an_unreadable_document_is_told_without_its_content() -> None:
    with pytest.raises(Unreadable) as raised:
        fulfilment(document(value="Maria Silva"))

    assert "Maria" not in str(raised.value)


@pytest.mark.parametrize("status", ["", None, 7, ["handling"]])
def test_a_status_that_is_none_is_none(status: Any) -> None:
    assert fulfilment(document(status=status)).status is None
