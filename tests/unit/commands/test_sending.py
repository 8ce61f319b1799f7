"""What else may be sent about an order: cancellations, denials, tracking and changes, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.fulfilments import NOTHING_KNOWN, NOW, ORDER, known, package

from orders_sync.commands.cancel import CancelBody, judge_cancel
from orders_sync.commands.change import ChangeBody, judge_change
from orders_sync.commands.deny import DenyBody, judge_deny
from orders_sync.commands.track import TrackBody, judge_tracking
from orders_sync.commands.verdicts import (
    AlreadyInVtex,
    Intent,
    Known,
    NotAllowed,
    Send,
    SentInvoice,
    SentTracking,
    Wait,
)
from orders_sync.domain.fulfilment import CancellationRequest, Package

CANCEL = CancelBody(reason="fraud")
DENY = DenyBody(reason="packed")
DENIED = CancellationRequest("r1", None, None, is_denied=True)


@pytest.mark.parametrize(
    ("status", "packages", "verdict"),
    [
        pytest.param("handling", (), Send, id="in handling"),
        pytest.param("ready-for-handling", (), Send, id="before handling"),
        pytest.param("payment-pending", (), Send, id="before it is paid"),
        pytest.param("cancellation-requested", (), Send, id="confirms what was requested"),
        pytest.param("cancel", (), Wait, id="being cancelled"),
        pytest.param("start-handling", (), Wait, id="VTEX takes none there"),
        pytest.param("canceled", (), AlreadyInVtex, id="cancelled"),
        pytest.param("replaced", (), AlreadyInVtex, id="replaced"),
        pytest.param("invoiced", (), NotAllowed, id="invoiced"),
        pytest.param("handling", (package("1", 100),), NotAllowed, id="invoiced in part"),
    ],
)
def test_a_cancellation_by_status(
    status: str, packages: tuple[Package, ...], verdict: type
) -> None:
    order = replace(ORDER, status=status, packages=packages)

    assert type(judge_cancel(CANCEL, order, NOTHING_KNOWN)) is verdict


def test_an_invoice_that_vtex_took_and_does_not_show_yet_stops_a_cancellation() -> None:
    verdict = judge_cancel(CANCEL, ORDER, known(sent_invoices={"1": SentInvoice(1300, NOW)}))

    assert isinstance(verdict, NotAllowed)


@pytest.mark.parametrize(
    ("changes", "facts", "verdict"),
    [
        pytest.param({"cancellation_request_id": "r1"}, NOTHING_KNOWN, Send, id="requested"),
        pytest.param({}, NOTHING_KNOWN, NotAllowed, id="no request to name"),
        pytest.param({"status": "handling"}, NOTHING_KNOWN, NotAllowed, id="nothing is requested"),
        pytest.param(
            {"status": "handling", "cancellation_requests": (DENIED,)},
            known(own_intent=Intent("deny", NOW, content="r1")),
            AlreadyInVtex,
            id="denied by this, whose answer was lost",
        ),
        pytest.param({"status": "canceled"}, NOTHING_KNOWN, NotAllowed, id="too late"),
        pytest.param(
            {"cancellation_request_id": "r1", "cancellation_requested_by_seller": True},
            NOTHING_KNOWN,
            NotAllowed,
            id="raised by the seller",
        ),
        pytest.param(
            {"cancellation_request_id": "r1"},
            known(is_cancelling=True),
            NotAllowed,
            id="raised by a command of ours",
        ),
    ],
)
def test_a_denial(changes: dict[str, Any], facts: Known, verdict: type) -> None:
    order = replace(ORDER, **{"status": "cancellation-requested", **changes})

    assert type(judge_deny(DENY, order, facts)) is verdict


@pytest.mark.parametrize(
    ("body", "packages", "verdict"),
    [
        pytest.param({"tracking_number": "T"}, (), Wait, id="before its invoice"),
        pytest.param({"tracking_number": "T"}, (package("1", 9),), Send, id="a first number"),
        pytest.param(
            {"tracking_number": "T"},
            (package("1", 9, tracking_number="T"),),
            AlreadyInVtex,
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
            AlreadyInVtex,
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
    facts = known(sent_tracking={"1": [SentTracking(sent, NOW)]})
    order = replace(ORDER, packages=(package("1", 9, tracking_number="T"),))
    body = TrackBody.model_validate(
        {"invoice_number": "1", "events": [event("on its way", "2026-11-28")]}
    )

    verdict = judge_tracking(body, order, facts)

    assert isinstance(verdict, Send)
    assert verdict.what.progress is not None
    assert [it.description for it in verdict.what.progress.events] == ["posted", "on its way"]


@pytest.mark.parametrize(
    ("status", "facts", "verdict"),
    [
        pytest.param("handling", NOTHING_KNOWN, Send, id="in handling"),
        pytest.param("ready-for-handling", NOTHING_KNOWN, Wait, id="too early"),
        pytest.param("invoiced", NOTHING_KNOWN, NotAllowed, id="too late"),
        pytest.param("canceled", NOTHING_KNOWN, NotAllowed, id="cancelled"),
        pytest.param("handling", known(is_changing=True), Wait, id="another change runs"),
        pytest.param("handling", known(is_cancelling=True), Wait, id="a cancellation runs"),
    ],
)
def test_a_change_by_status(status: str, facts: Known, verdict: type) -> None:
    body = ChangeBody(reason="r", manual_discount_cents=1)

    assert type(judge_change(body, replace(ORDER, status=status), facts)) is verdict


def test_a_cancellation_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        CancelBody(reason="  ")
