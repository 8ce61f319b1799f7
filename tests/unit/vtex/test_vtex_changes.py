"""Changes of an order: what is sent by both of VTEX's APIs, and how a change is followed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from unit.vtex.calls import ALL_AT_ONCE, OTHER, PRICED, REMOVAL, REPLACEMENT, SHORT
from unit.vtex.recording import client_of

from orders_sync.commands.change import ChangeBody, Exchange
from orders_sync.domain.fulfilment import ChangeRequest
from orders_sync.errors import OutcomeUnknown, ParkedError, Unreadable
from orders_sync.vtex.change_answers import ChangePreview, PastChange
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Response

REQUEST_ID = "e8532a32-7f7e-434a-88ec-29609f0ede46"
WORKFLOW_ID = "74f40e7a-68c6-4699-b874-a8a297fb3f6a"
PATH = "/api/order-system/orders/1-01/changes"
SENT_SHORT = {"id": "8", "uniqueId": "40E7", "quantity": 1}
SENT_OTHER = {
    "id": "9",
    "quantity": 2,
    "price": 1200,
    "measurementUnit": "kg",
    "unitMultiplier": 0.5,
}


def test_a_change_is_asked_for_with_only_what_it_changes() -> None:
    client, recorder = client_of("change-accepted-202")

    request = client.create_change("1-01", REMOVAL)

    assert request == ChangeRequest(REQUEST_ID, WORKFLOW_ID)
    assert recorder.sent == (
        "PATCH",
        PATH,
        {"reason": "stock shortage", "remove": {"items": [SENT_SHORT]}},
    )


def test_a_change_of_every_kind_is_sent_whole() -> None:
    client, recorder = client_of("change-accepted-202")

    client.create_change("1-01", ALL_AT_ONCE)

    assert recorder.sent[2] == {
        "reason": "all at once",
        "add": {"items": [SENT_OTHER]},
        "remove": {"items": [SENT_SHORT]},
        "replace": [{"from": {"items": [SENT_SHORT]}, "to": {"items": [SENT_OTHER]}}],
        "manualDiscountValue": 100,
        "manualIncrementValue": 50,
    }


def test_only_the_asking_calls_the_account_by_its_long_name() -> None:
    answers = ["change-accepted-202", "change-preview", "change-history", "change-done"]
    client, recorder = client_of(*answers)

    client.create_change("1-01", REMOVAL)
    client.preview_change("1-01", REMOVAL)
    client.get_change_history("1-01")
    client.get_change_detail("1-01", "R/1")

    assert [(it.method, it.path, it.query) for it in recorder.requests] == [
        ("PATCH", PATH, {"accountName": "mystore"}),
        ("POST", f"{PATH}/preview", {"an": "mystore"}),
        ("GET", PATH, {"an": "mystore"}),
        ("GET", f"{PATH}/R%2F1", {"an": "mystore"}),
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"requestId": null}', b'{"requestId": ""}'])
def test_a_change_without_a_request_id_is_in_doubt(body: bytes) -> None:
    client, _ = client_of(Response(202, {}, body))

    with pytest.raises(OutcomeUnknown, match="create_change 1-01"):
        client.create_change("1-01", REMOVAL)


def test_a_preview_tells_the_difference_in_cents() -> None:
    client, _ = client_of("change-preview")

    assert client.preview_change("1-01", REMOVAL) == ChangePreview(
        total_change_cents=-2599,
        manual_discount_cents=100,
        manual_increment_cents=0,
        totals=(("Items", -2499), ("ManualValues", -100)),
    )


def test_a_history_names_what_was_done() -> None:
    client, _ = client_of("change-history", "change-history-empty")

    assert client.get_change_history("1-01") == (
        PastChange(
            request_id=REQUEST_ID,
            workflow_id=WORKFLOW_ID,
            reason="stock shortage",
            total_change_cents=-2599,
            manual_discount_cents=100,
            manual_increment_cents=0,
            date=datetime(2026, 7, 27, 17, 52, 18, 648311, tzinfo=UTC),
        ),
    )
    assert client.get_change_history("1-01") == ()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param("change-preparing", ("preparing", False, False, None), id="preparing"),
        pytest.param("change-done", ("done", True, True, None), id="done"),
        pytest.param(
            "change-canceled",
            ("canceled", True, False, "SalesOrderSystem046: item already invoiced"),
            id="canceled",
        ),
        pytest.param(b'{"status": "canceling"}', ("canceling", False, False, None), id="no flag"),
        pytest.param(b'{"status": "done"}', ("done", True, True, None), id="done without a flag"),
        pytest.param(
            b'{"status": "done", "inProgress": true}',
            ("done", False, False, None),
            id="done and still moving",
        ),
        pytest.param(
            b'{"status": "a-word-of-tomorrow", "finished": true}',
            ("a-word-of-tomorrow", True, False, None),
            id="an unknown end",
        ),
        pytest.param(b'{"status": null, "logs": null}', (None, False, False, None), id="nulls"),
    ],
)
def test_a_change_is_followed_to_its_end(answer: str | bytes, expected: tuple[Any, ...]) -> None:
    client, _ = client_of(answer if isinstance(answer, str) else Response(200, {}, answer))

    state = client.get_change_detail("1-01", REQUEST_ID)

    assert state.request_id == REQUEST_ID
    assert (state.status, state.is_finished, state.is_done, state.cancel_reason) == expected


def test_the_log_of_a_change_is_read_without_personal_data() -> None:
    client, _ = client_of("change-done", "change-canceled")

    assert client.get_change_detail("1-01", "R").logs == ("Change applied", "sent to ***")
    assert client.get_change_detail("1-01", "R").logs == ()


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda c: c.preview_change("1-01", REMOVAL), id="preview"),
        pytest.param(lambda c: c.get_change_history("1-01"), id="history"),
        pytest.param(lambda c: c.get_change_detail("1-01", "R"), id="detail"),
    ],
)
def test_an_answer_of_another_shape_is_unreadable(read: Callable[[VtexClient], Any]) -> None:
    client, _ = client_of("feed-empty")

    with pytest.raises(Unreadable, match="change"):
        read(client)


def test_a_legacy_change_is_sent_as_two_lists_with_prices() -> None:
    client, recorder = client_of("invoice-receipt")
    priced = SHORT.model_copy(update={"price_cents": 2499})
    change = ChangeBody(
        reason="another size",
        add=(PRICED,),
        replace=(Exchange.model_validate({"from": (priced,), "to": (PRICED,)}),),
        manual_discount_cents=100,
    )

    taken = client.register_change("1-01", change, "key-1")

    sent_other = {"id": "9", "price": 1200, "quantity": 2}
    assert taken.receipt == "38e0e47da2934847b489216d208cfd91"
    assert recorder.sent == (
        "POST",
        "/api/oms/pvt/orders/1-01/changes",
        {
            "requestId": "key-1",
            "reason": "another size",
            "discountValue": 100,
            "incrementValue": 0,
            "itemsRemoved": [{"id": "8", "price": 2499, "quantity": 1}],
            "itemsAdded": [sent_other, sent_other],
        },
    )


def test_a_legacy_change_has_no_place_for_a_weight() -> None:
    client, recorder = client_of()

    with pytest.raises(ParkedError, match="SKU 9 has a weight"):
        client.register_change("1-01", ChangeBody(reason="x", add=(OTHER,)), "key-1")
    assert recorder.requests == []


def test_a_legacy_change_without_a_price_is_not_sent() -> None:
    client, recorder = client_of()

    with pytest.raises(ParkedError, match="SKU 8 has no price"):
        client.register_change("1-01", REPLACEMENT, "key-1")
    assert recorder.requests == []
