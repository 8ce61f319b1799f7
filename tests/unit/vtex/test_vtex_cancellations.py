"""Cancellations and notes: what is sent and what comes back."""

from __future__ import annotations

import pytest
from unit.vtex.recording import client_of

from orders_sync.commands.cancel import CancelBody
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.note import NoteBody
from orders_sync.errors import Refused
from orders_sync.vtex.exchange import Response


def test_a_cancellation_is_asked_for_with_its_reason() -> None:
    client, recorder = client_of("cancel-receipt-null")

    taken = client.cancel_order("SLR-1/01", CancelBody(reason="no stock"))

    assert recorder.sent == (
        "POST",
        "/api/oms/pvt/orders/SLR-1%2F01/cancel",
        {"reason": "no stock"},
    )
    assert (taken.receipt, taken.order_id) == (None, "v5195004lux-01")


def test_a_cancellation_of_an_invoiced_order_is_refused_in_vtexs_words() -> None:
    client, _ = client_of("cancel-refused-400")

    with pytest.raises(Refused, match="cannot be cancelled in status invoiced") as raised:
        client.cancel_order("1-01", CancelBody(reason="no stock"))
    assert raised.value.code == "CHK0202"


def test_a_cancellation_is_denied_by_its_id() -> None:
    client, recorder = client_of(Response(200))

    client.deny_cancellation("SLR-1/01", "C1", DenyBody(reason="already packed"))

    assert recorder.sent == (
        "POST",
        "/api/orders/pvt/document/SLR-1%2F01/deny-cancellation-request",
        {"cancellationRequestId": "C1", "denyReason": "already packed"},
    )


def test_a_note_is_added_to_the_timeline() -> None:
    client, recorder = client_of(Response(200))

    client.add_interaction("SLR-1/01", NoteBody(message="Sale 42"))

    assert recorder.sent == (
        "POST",
        "/api/oms/pvt/orders/SLR-1%2F01/interactions",
        {"source": "ERP", "message": "Sale 42"},
    )
