"""What may be sent about an order: every status, and every amount, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.domain.bodies import CancelBody, ChangeBody, InvoiceBody, TrackBody
from orders_sync.domain.fulfilment import Fulfilment, FulfilmentLine, Package, PackageItem
from orders_sync.domain.sending.cancel import judge_cancel, judge_deny
from orders_sync.domain.sending.change import judge_change
from orders_sync.domain.sending.invoice import judge_invoice
from orders_sync.domain.sending.tracking import judge_tracking
from orders_sync.domain.sending.verdicts import AlreadySo, Known, NotAllowed, Send, Wait

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOTHING_KNOWN = Known()


def line(index: int, sku: str, quantity: int, total: int) -> FulfilmentLine:
    return FulfilmentLine(index, f"L{index}", sku, sku, quantity, total // quantity, total)


def package(number: str, value: int, **changes: Any) -> Package:
    facts: dict[str, Any] = {
        "invoice_number": number,
        "type": "Output",
        "value_cents": value,
        "items": (),
        "courier": None,
        "tracking_number": None,
        "tracking_url": None,
        "access_key": None,
        "url": None,
        "cfop": None,
        "issued_at": None,
        "events": (),
        "is_finished": False,
        "delivered_at": None,
    }
    return Package(**{**facts, **changes})


ORDER = Fulfilment(
    status="handling",
    is_completed=True,
    value_cents=1300,
    lines=(line(0, "A", 2, 600), line(1, "B", 1, 200), line(2, "A", 1, 200)),
    packages=(),
    changes=(),
    cancellation_requests=(),
    cancellation_request_id=None,
    cancellation_requested_by_seller=None,
    allows_cancellation=True,
    cancel_reason=None,
)


def invoice(**body: Any) -> InvoiceBody:
    return InvoiceBody.model_validate({"number": "1", **body})


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        pytest.param("handling", Send, id="in handling"),
        pytest.param("invoice", Send, id="between partial invoices"),
        pytest.param("invoice-after-cancellation-deny", Send, id="a cancellation was denied"),
        pytest.param("ready-for-handling", Wait, id="not in handling yet"),
        pytest.param("start-handling", Wait, id="on the way to handling"),
        pytest.param("payment-pending", Wait, id="not paid"),
        pytest.param("cancellation-requested", Wait, id="the customer wants out"),
        pytest.param("cancel", Wait, id="being cancelled"),
        pytest.param("canceled", NotAllowed, id="cancelled"),
        pytest.param("replaced", NotAllowed, id="replaced"),
        pytest.param(None, Wait, id="null"),
        pytest.param("tomorrows-status", Wait, id="unknown"),
    ],
)
def test_an_invoice_by_status(status: str | None, verdict: type) -> None:
    order = replace(ORDER, status=status)

    assert type(judge_invoice(invoice(), order, NOTHING_KNOWN, now=NOW)) is verdict


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        pytest.param(Known(is_changing=True), Wait, id="a change runs"),
        pytest.param(Known(is_to_change=True), Wait, id="a change was asked for"),
        pytest.param(Known(is_cancelling=True), Wait, id="a cancellation was asked for"),
        pytest.param(Known(sent_invoices={"9": 1300}), NotAllowed, id="all was sent, unseen yet"),
    ],
)
def test_an_invoice_by_what_else_was_sent(known: Known, verdict: type) -> None:
    assert type(judge_invoice(invoice(), ORDER, known, now=NOW)) is verdict


def test_an_invoice_of_everything_names_each_sku_once_and_the_order_value() -> None:
    verdict = judge_invoice(invoice(), ORDER, NOTHING_KNOWN, now=NOW)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == 1300
    assert [(it.sku, it.quantity) for it in verdict.what.items] == [("A", 3), ("B", 1)]


def test_the_last_part_takes_what_is_left_with_the_freight() -> None:
    first = package("1", 600, items=(PackageItem(0, 2, 300),))
    order = replace(ORDER, packages=(first,))

    verdict = judge_invoice(invoice(number="2"), order, NOTHING_KNOWN, now=NOW)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == 700
    assert [(it.sku, it.quantity) for it in verdict.what.items] == [("A", 1), ("B", 1)]


def test_a_later_part_counts_a_sku_on_several_lines_as_one() -> None:
    # VTEX names only the first of the lines.
    first = package("1", 200, items=(PackageItem(0, 1, 200),))
    order = replace(ORDER, packages=(first,))
    body = invoice(number="2", items=[{"line_id": "L2", "quantity": 1}])

    verdict = judge_invoice(body, order, NOTHING_KNOWN, now=NOW)

    assert isinstance(verdict, Send)
    assert [(it.sku, it.quantity) for it in verdict.what.items] == [("A", 1)]


def test_no_more_of_a_sku_is_invoiced_than_was_ordered_whichever_line_is_named() -> None:
    first = package("1", 800, items=(PackageItem(0, 3, 200),))
    order = replace(ORDER, packages=(first,))
    body = invoice(number="2", items=[{"line_id": "L2", "quantity": 1}])

    verdict = judge_invoice(body, order, NOTHING_KNOWN, now=NOW)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.quantity_exceeded"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param({"items": [{"line_id": "L1", "quantity": 1}]}, 200, id="a line"),
        pytest.param({"items": [{"sku": "A", "quantity": 3}]}, 800, id="a SKU on two lines"),
        pytest.param(
            {"items": [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 1}]},
            1300,
            id="all lines, so the freight too",
        ),
        pytest.param(
            {"items": [{"sku": "B", "quantity": 1, "price_cents": 150}]}, 150, id="a price given"
        ),
        pytest.param(
            {"items": [{"sku": "B", "quantity": 1}], "value_cents": 500}, 500, id="a value given"
        ),
    ],
)
def test_the_value_of_a_partial_invoice(body: dict[str, Any], value: int) -> None:
    verdict = judge_invoice(invoice(**body), ORDER, NOTHING_KNOWN, now=NOW)

    assert isinstance(verdict, Send)
    assert verdict.what.value_cents == value


def test_an_invoice_that_vtex_has_is_not_sent_again() -> None:
    order = replace(ORDER, packages=(package("1", 1300),), status="invoiced")

    assert isinstance(judge_invoice(invoice(), order, NOTHING_KNOWN, now=NOW), AlreadySo)


def test_an_invoice_that_vtex_has_with_another_value_is_refused() -> None:
    order = replace(ORDER, packages=(package("1", 500),))

    verdict = judge_invoice(invoice(value_cents=700), order, NOTHING_KNOWN, now=NOW)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "invoice.number_taken"


@given(value=st.integers(1, 3000), invoiced=st.integers(0, 1300), unseen=st.integers(0, 1300))
def test_no_sale_ever_exceeds_what_is_left(value: int, invoiced: int, unseen: int) -> None:
    packages = (package("old", invoiced),) if invoiced else ()
    order = replace(ORDER, packages=packages)
    known = Known(sent_invoices={"unseen": unseen} if unseen else {})

    verdict = judge_invoice(invoice(value_cents=value), order, known, now=NOW)

    fits = invoiced + unseen + value <= ORDER.value_cents
    assert isinstance(verdict, Send) is fits


@pytest.mark.parametrize(
    ("status", "packages", "verdict"),
    [
        pytest.param("handling", (), Send, id="in handling"),
        pytest.param("ready-for-handling", (), Send, id="before handling"),
        pytest.param("payment-pending", (), Send, id="before it is paid"),
        pytest.param("cancellation-requested", (), Send, id="confirms what was requested"),
        pytest.param("cancel", (), Wait, id="being cancelled"),
        pytest.param("start-handling", (), Wait, id="VTEX takes none there"),
        pytest.param("canceled", (), AlreadySo, id="cancelled"),
        pytest.param("replaced", (), AlreadySo, id="replaced"),
        pytest.param("invoiced", (), NotAllowed, id="invoiced"),
        pytest.param("handling", (package("1", 100),), NotAllowed, id="invoiced in part"),
    ],
)
def test_a_cancellation_by_status(
    status: str, packages: tuple[Package, ...], verdict: type
) -> None:
    order = replace(ORDER, status=status, packages=packages)

    assert type(judge_cancel(order, NOTHING_KNOWN)) is verdict


def test_an_invoice_that_vtex_took_and_does_not_show_yet_stops_a_cancellation() -> None:
    verdict = judge_cancel(ORDER, Known(sent_invoices={"1": 1300}))

    assert isinstance(verdict, NotAllowed)


@pytest.mark.parametrize(
    ("changes", "known", "verdict"),
    [
        pytest.param({"cancellation_request_id": "r1"}, NOTHING_KNOWN, Send, id="requested"),
        pytest.param({}, NOTHING_KNOWN, NotAllowed, id="no request to name"),
        pytest.param({"status": "handling"}, NOTHING_KNOWN, AlreadySo, id="not requested any more"),
        pytest.param({"status": "canceled"}, NOTHING_KNOWN, NotAllowed, id="too late"),
        pytest.param(
            {"cancellation_request_id": "r1", "cancellation_requested_by_seller": True},
            NOTHING_KNOWN,
            NotAllowed,
            id="raised by the seller",
        ),
        pytest.param(
            {"cancellation_request_id": "r1"},
            Known(is_cancelling=True),
            NotAllowed,
            id="raised by a command of ours",
        ),
    ],
)
def test_a_denial(changes: dict[str, Any], known: Known, verdict: type) -> None:
    order = replace(ORDER, **{"status": "cancellation-requested", **changes})

    assert type(judge_deny(order, known)) is verdict


@pytest.mark.parametrize(
    ("body", "packages", "verdict"),
    [
        pytest.param({"tracking_number": "T"}, (), Wait, id="before its invoice"),
        pytest.param({"tracking_number": "T"}, (package("1", 9),), Send, id="a first number"),
        pytest.param(
            {"tracking_number": "T"},
            (package("1", 9, tracking_number="T"),),
            AlreadySo,
            id="the number VTEX has",
        ),
        pytest.param(
            {"tracking_number": "U"},
            (package("1", 9, tracking_number="T"),),
            Send,
            id="another number",
        ),
        pytest.param(
            {
                "events": [
                    {"city": "C", "state": "S", "description": "posted", "date": "2026-11-27"}
                ]
            },
            (package("1", 9),),
            Wait,
            id="an event before any number",
        ),
        pytest.param(
            {"delivered": True},
            (package("1", 9, tracking_number="T", is_finished=True),),
            AlreadySo,
            id="delivered twice",
        ),
    ],
)
def test_tracking(body: dict[str, Any], packages: tuple[Package, ...], verdict: type) -> None:
    wanted = TrackBody.model_validate({"invoice_number": "1", **body})

    order = replace(ORDER, packages=packages)
    assert type(judge_tracking(wanted, order, NOTHING_KNOWN)) is verdict


def test_events_that_vtex_took_and_does_not_show_yet_are_sent_along() -> None:
    def event(description: str, day: str) -> dict[str, str]:
        return {"city": "C", "state": "S", "description": description, "date": day}

    sent = TrackBody.model_validate(
        {"invoice_number": "1", "events": [event("posted", "2026-11-27")]}
    )
    known = Known(sent_tracking={"1": [sent]})
    order = replace(ORDER, packages=(package("1", 9, tracking_number="T"),))
    body = TrackBody.model_validate(
        {"invoice_number": "1", "events": [event("on its way", "2026-11-28")]}
    )

    verdict = judge_tracking(body, order, known)

    assert isinstance(verdict, Send)
    assert verdict.what.progress is not None
    assert [it.description for it in verdict.what.progress.events] == ["posted", "on its way"]


@pytest.mark.parametrize(
    ("status", "known", "verdict"),
    [
        pytest.param("handling", NOTHING_KNOWN, Send, id="in handling"),
        pytest.param("ready-for-handling", NOTHING_KNOWN, Wait, id="too early"),
        pytest.param("invoiced", NOTHING_KNOWN, NotAllowed, id="too late"),
        pytest.param("canceled", NOTHING_KNOWN, NotAllowed, id="cancelled"),
        pytest.param("handling", Known(is_changing=True), Wait, id="another change runs"),
        pytest.param("handling", Known(is_cancelling=True), Wait, id="a cancellation runs"),
    ],
)
def test_a_change_by_status(status: str, known: Known, verdict: type) -> None:
    body = ChangeBody(reason="r", manual_discount_cents=1)

    assert type(judge_change(body, replace(ORDER, status=status), known)) is verdict


def test_a_cancellation_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        CancelBody(reason="  ")
