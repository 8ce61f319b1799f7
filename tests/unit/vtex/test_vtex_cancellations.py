"""Cancellations and notes: what is sent and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.vtex.recording import client_of

from orders_sync.errors import ParkedError, Refused
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Response


def test_a_cancellation_is_asked_for_with_its_reason() -> None:
    client, recorder = client_of("cancel-receipt-null")

    taken = client.cancel_order("SLR-1/01", "no stock")

    assert recorder.sent == (
        "POST",
        "/api/oms/pvt/orders/SLR-1%2F01/cancel",
        {"reason": "no stock"},
    )
    assert (taken.receipt, taken.order_id) == (None, "v5195004lux-01")


def test_a_cancellation_of_an_invoiced_order_is_refused_in_vtexs_words() -> None:
    client, _ = client_of("cancel-refused-400")

    with pytest.raises(Refused, match="cannot be cancelled in status invoiced") as raised:
        client.cancel_order("1-01", "no stock")
    assert raised.value.code == "CHK0202"


def test_a_cancellation_is_denied_by_its_id() -> None:
    client, recorder = client_of(Response(200))

    client.deny_cancellation("SLR-1/01", "C1", "already packed")

    assert recorder.sent == (
        "POST",
        "/api/orders/pvt/document/SLR-1%2F01/deny-cancellation-request",
        {"cancellationRequestId": "C1", "denyReason": "already packed"},
    )


def test_a_note_is_added_to_the_timeline() -> None:
    client, recorder = client_of(Response(200))

    client.add_interaction("SLR-1/01", "ERP", "Sale 42")

    assert recorder.sent == (
        "POST",
        "/api/oms/pvt/orders/SLR-1%2F01/interactions",
        {"source": "ERP", "message": "Sale 42"},
    )


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda c: c.cancel_order("1-01", ""), id="cancel"),
        pytest.param(lambda c: c.deny_cancellation("1-01", "C1", " "), id="deny"),
        pytest.param(lambda c: c.deny_cancellation("1-01", "", "packed"), id="deny without id"),
        pytest.param(lambda c: c.add_interaction("1-01", "", "note"), id="note without source"),
        pytest.param(lambda c: c.add_interaction("1-01", "ERP", ""), id="note without words"),
    ],
)
def test_a_call_without_its_words_is_not_sent(send: Callable[[VtexClient], Any]) -> None:
    client, recorder = client_of()

    with pytest.raises(ParkedError, match="is empty"):
        send(client)
    assert recorder.requests == []
