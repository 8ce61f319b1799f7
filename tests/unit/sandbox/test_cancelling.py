from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from orders_sync.sandbox import Box
from orders_sync.testing.clock import SettableClock

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]

THIRTY_DAYS = 30 * 86_400


def deny(shop: requests.Session, order_id: str, body: Any) -> requests.Response:
    path = f"/api/orders/pvt/document/{quote(order_id, safe='')}/deny-cancellation-request"
    return shop.post(f"http://vtex{path}", json=body)


def open_request(call: Call, order_id: str) -> str:
    data = call("GET", order_id).json()["cancellationData"]
    return str(data["CancellationRequestId"])


@pytest.mark.parametrize("handling", [False, True])
def test_the_seller_cancels_in_two_steps(
    box: Box, call: Call, clock: SettableClock, *, handling: bool
) -> None:
    box.dials.cancel_seconds = 3
    (order_id,) = box.create_orders(1, handling=handling)

    seen = []
    for _ in range(2):
        answer = call("POST", order_id, "/cancel", {"reason": "No stock"})
        seen.append((answer.status_code, box.order(order_id).status))
    clock.advance(3)

    order = call("GET", order_id).json()
    assert seen == [(200, "cancellation-requested"), (200, "cancel")]
    assert (order["status"], order["cancelReason"]) == ("canceled", "No stock")
    assert box.order(order_id).cancel_effects == 1


def test_readers_see_a_cancellation_a_while_later_than_it_takes_effect(
    box: Box, call: Call, clock: SettableClock
) -> None:
    box.dials.cancel_visible_after_seconds = 5
    (order_id,) = box.create_orders(1, handling=True)

    seen = []
    for _ in range(2):
        call("POST", order_id, "/cancel", {"reason": "No stock"})
        seen.append((call("GET", order_id).json()["status"], box.order(order_id).status))
        clock.advance(5)
        seen.append((call("GET", order_id).json()["status"], box.order(order_id).status))

    assert seen == [
        ("handling", "cancellation-requested"),
        ("cancellation-requested", "cancellation-requested"),
        ("cancellation-requested", "cancel"),
        ("canceled", "canceled"),
    ]


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        pytest.param(0, None, id="order-created"),
        pytest.param(1, None, id="on-order-completed"),
        pytest.param(2, "canceled", id="payment-pending"),
        pytest.param(4, "canceled", id="payment-approved"),
        pytest.param(6, "canceled", id="window-to-cancel"),
        pytest.param(7, "cancellation-requested", id="ready-for-handling"),
    ],
)
def test_what_a_cancel_does_depends_on_the_status(
    box: Box, call: Call, clock: SettableClock, steps: int, outcome: str | None
) -> None:
    box.dials.step_seconds = 10
    (order_id,) = box.create_orders(1)
    clock.advance(10 * steps)
    before = box.order(order_id).status

    answer = call("POST", order_id, "/cancel")

    assert answer.status_code == (400 if outcome is None else 200)
    assert box.order(order_id).status == (outcome or before)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param("incomplete", id="incomplete"),
        pytest.param("canceled-early", id="canceled"),
        pytest.param("replaced", id="replaced"),
    ],
)
def test_what_cannot_be_cancelled_says_so(box: Box, call: Call, trouble: str) -> None:
    (order_id,) = box.create_orders(1, trouble)
    before = box.order(order_id)

    answer = call("POST", order_id, "/cancel")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "CHK0202")
    assert box.order(order_id).status == before.status
    assert box.order(order_id).cancellations == before.cancellations


def test_an_order_between_two_statuses_is_not_cancelled(box: Box, call: Call) -> None:
    box.dials.handling_seconds = box.dials.cancel_seconds = 5
    starting, cancelling = box.create_orders(2)
    call("POST", starting, "/start-handling")
    box.cancel(cancelling)

    answers = [call("POST", order_id, "/cancel") for order_id in (starting, cancelling)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert [box.order(name).status for name in (starting, cancelling)] == [
        "start-handling",
        "cancel",
    ]


@pytest.mark.parametrize("value", [pytest.param("1", id="part"), pytest.param(None, id="whole")])
def test_an_invoice_forbids_the_cancel(
    box: Box, call: Call, sale: Sale, order_id: str, value: str | None
) -> None:
    changes = {"invoiceValue": value} if value else {}
    call("POST", order_id, "/invoice", sale(order_id, **changes))
    before = box.order(order_id).status

    answer = call("POST", order_id, "/cancel")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "CHK0202")
    assert box.order(order_id).status == before
    assert box.cancel(order_id) is False
    assert box.replace(order_id) is False


def test_the_seller_confirms_what_the_shopper_asked_for(
    box: Box, call: Call, order_id: str
) -> None:
    box.cancel(order_id, request=True, reason="Too late")

    answer = call("POST", order_id, "/cancel")

    order = call("GET", order_id).json()
    assert answer.status_code == 200
    assert (order["status"], order["cancelReason"]) == ("canceled", "Too late")
    assert order["cancellationData"]["RequestedByUser"] is True


def test_a_request_shows_in_the_document(box: Box, call: Call, order_id: str) -> None:
    box.cancel(order_id, request=True, reason="Too late")

    order = call("GET", order_id).json()

    (request,) = order["cancellationRequests"]
    assert order["cancellationData"] == {
        "RequestedByUser": True,
        "RequestedBySystem": False,
        "RequestedBySellerNotification": False,
        "RequestedByPaymentNotification": False,
        "Reason": "Too late",
        "CancellationDate": None,
        "CancellationRequestId": request["id"],
    }
    assert (request["reason"], request["deniedBySeller"]) == ("Too late", False)


@pytest.mark.parametrize("handling", [False, True])
def test_a_denied_order_goes_back_to_where_it_was(
    box: Box, shop: requests.Session, call: Call, *, handling: bool
) -> None:
    (order_id,) = box.create_orders(1, handling=handling)
    before = box.order(order_id).status
    box.cancel(order_id, request=True)
    body = {"cancellationRequestId": open_request(call, order_id), "denyReason": "Sent"}

    answer = deny(shop, order_id, body)

    order = call("GET", order_id).json()
    assert (answer.status_code, answer.content) == (200, b"")
    assert order["status"] == before
    assert order["cancellationData"] is None
    assert order["cancellationRequests"][0]["deniedBySellerReason"] == "Sent"


def test_an_order_asked_for_twice_still_goes_back(
    box: Box, shop: requests.Session, call: Call, order_id: str
) -> None:
    for _ in range(2):
        box.cancel(order_id, request=True)

    deny(
        shop,
        order_id,
        {"cancellationRequestId": open_request(call, order_id), "denyReason": "Sent"},
    )

    assert box.order(order_id).status == "handling"


def test_denying_ones_own_request_leaves_the_order_stuck(
    box: Box, shop: requests.Session, call: Call, sale: Sale, order_id: str
) -> None:
    call("POST", order_id, "/cancel")
    body = {"cancellationRequestId": open_request(call, order_id), "denyReason": "Sent"}

    deny(shop, order_id, body)
    later = [call("POST", order_id, "/cancel"), call("POST", order_id, "/invoice", sale(order_id))]

    assert box.order(order_id).status == "cancellation-request-denied-ffm"
    assert [answer.status_code for answer in later] == [400, 400]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"cancellationRequestId": None}, id="no id"),
        pytest.param({"cancellationRequestId": "0" * 32}, id="another id"),
        pytest.param({"denyReason": ""}, id="no reason"),
    ],
)
def test_a_denial_that_is_wrong_is_refused(
    box: Box, shop: requests.Session, call: Call, order_id: str, changes: dict[str, Any]
) -> None:
    box.cancel(order_id, request=True)
    body = {"cancellationRequestId": open_request(call, order_id), "denyReason": "Sent", **changes}

    answer = deny(shop, order_id, body)

    assert answer.status_code == 400
    assert box.order(order_id).status == "cancellation-requested"


def test_what_nobody_asked_for_or_is_done_is_not_denied(
    box: Box, shop: requests.Session, call: Call, order_id: str
) -> None:
    body = {"cancellationRequestId": "0" * 32, "denyReason": "Sent"}
    early = deny(shop, order_id, body)
    box.cancel(order_id, request=True)
    body["cancellationRequestId"] = open_request(call, order_id)
    box.cancel(order_id)

    late = deny(shop, order_id, body)

    assert (early.status_code, late.status_code) == (400, 400)
    assert deny(shop, "1-01", body).status_code == 404
    assert box.order(order_id).status == "canceled"


def test_a_seller_who_says_nothing_has_agreed(
    box: Box, call: Call, order_id: str, clock: SettableClock
) -> None:
    call("POST", order_id, "/cancel")

    clock.advance(THIRTY_DAYS - 1)
    before = box.order(order_id).status
    clock.advance(1)

    assert (before, box.order(order_id).status) == ("cancellation-requested", "canceled")
