from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from orders_sync.sandbox import Box, EventView
from orders_sync.testing.clock import SettableClock

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]

CARRIAGE = {
    "trackingNumber": "BR1",
    "trackingUrl": "https://track.example/BR1",
    "courier": "Correios",
    "dispatchedDate": "2026-11-28T09:00:00Z",
}
POSTED = {"city": "Maceió", "state": "AL", "description": "Posted", "date": "2026-11-28"}
ARRIVED = {"city": "Rio", "state": "RJ", "description": "Arrived", "date": "2026-11-30"}


def progress(*events: dict[str, str], **changes: Any) -> dict[str, Any]:
    return {"isDelivered": False, "deliveredDate": None, "events": list(events), **changes}


@pytest.fixture
def invoiced(call: Call, sale: Sale, order_id: str) -> str:
    call("POST", order_id, "/invoice", sale(order_id, "NF1"))
    return order_id


@pytest.fixture
def tracked(call: Call, invoiced: str) -> str:
    call("PATCH", invoiced, "/invoice/NF1", CARRIAGE)
    return invoiced


def test_tracking_is_set_and_set_again(box: Box, call: Call, invoiced: str) -> None:
    first = call("PATCH", invoiced, "/invoice/NF1", CARRIAGE)
    call("PATCH", invoiced, "/invoice/NF1", {**CARRIAGE, "trackingNumber": "BR2"})

    (package,) = call("GET", invoiced).json()["packageAttachment"]["packages"]
    assert first.status_code == 200
    assert first.json()["orderId"] == invoiced
    assert isinstance(first.json()["receipt"], str)
    assert (package["trackingNumber"], package["courier"]) == ("BR2", "Correios")
    assert box.order(invoiced).status == "invoiced"


def test_events_take_the_place_of_those_before(box: Box, call: Call, tracked: str) -> None:
    call("PUT", tracked, "/invoice/NF1/tracking", progress(POSTED))
    call("PUT", tracked, "/invoice/NF1/tracking", progress(POSTED, ARRIVED))

    (package,) = box.order(tracked).packages
    assert package.events == (EventView(**POSTED), EventView(**ARRIVED))
    assert box.order(tracked).doubled == ()


def test_events_are_added_where_the_dial_says_so(box: Box, call: Call, tracked: str) -> None:
    box.dials.tracking_appends = True

    call("PUT", tracked, "/invoice/NF1/tracking", progress(POSTED))
    call("PUT", tracked, "/invoice/NF1/tracking", progress(POSTED, ARRIVED))

    (package,) = box.order(tracked).packages
    assert [event.description for event in package.events] == ["Posted", "Posted", "Arrived"]
    assert box.order(tracked).doubled == ("tracking event of invoice NF1 2 times",)


def test_a_delivery_finishes_the_package_and_not_the_order(
    box: Box, call: Call, tracked: str
) -> None:
    delivered = progress(POSTED, ARRIVED, isDelivered=True, deliveredDate="2026-11-30 16:20")

    call("PUT", tracked, "/invoice/NF1/tracking", delivered)

    order = call("GET", tracked).json()
    status = order["packageAttachment"]["packages"][0]["courierStatus"]
    assert order["status"] == "invoiced"
    assert (status["finished"], status["deliveredDate"]) == (True, "2026-11-30 16:20")
    assert [event["description"] for event in status["data"]] == ["Posted", "Arrived"]
    assert box.order(tracked).packages[0].finished is True


def test_news_of_a_carrier_shows_only_after_a_while(
    box: Box, call: Call, tracked: str, clock: SettableClock
) -> None:
    box.dials.visible_after_seconds = 1

    call("PUT", tracked, "/invoice/NF1/tracking", progress(POSTED))
    at_once = call("GET", tracked).json()["packageAttachment"]["packages"][0]
    clock.advance(1)
    later = call("GET", tracked).json()["packageAttachment"]["packages"][0]

    assert at_once["courierStatus"] is None
    assert later["courierStatus"]["status"] == "Posted"


def test_events_need_a_tracking_number_first(box: Box, call: Call, invoiced: str) -> None:
    answer = call("PUT", invoiced, "/invoice/NF1/tracking", progress(POSTED))

    assert answer.status_code == 400
    assert box.order(invoiced).packages[0].events == ()


@pytest.mark.parametrize(
    ("sent", "asked", "statuses"),
    [
        pytest.param("NF1", "NF2", {404}, id="another number"),
        pytest.param("NF1 ", "NF1", {404}, id="a space at the end was sent"),
        pytest.param("NF1 ", "NF1 ", {404}, id="a space at the end"),
        pytest.param("NF 1", "NF 1", {500}, id="a space within"),
        pytest.param("NF/1", "NF/1", {400, 404}, id="a slash"),
        pytest.param("NF#1", "NF#1", {404}, id="a hash"),
    ],
)
def test_some_numbers_are_never_found_again(
    box: Box, call: Call, sale: Sale, order_id: str, sent: str, asked: str, statuses: set[int]
) -> None:
    call("POST", order_id, "/invoice", sale(order_id, sent))
    path = f"/invoice/{quote(asked, safe='')}"

    answers = [call("PATCH", order_id, path, CARRIAGE) for _ in range(10)]
    answers += [call("PUT", order_id, path + "/tracking", progress(POSTED)) for _ in range(10)]

    assert {answer.status_code for answer in answers} == statuses
    assert box.order(order_id).packages[0].tracking_number is None


def test_a_slash_that_is_not_quoted_leads_nowhere(call: Call, sale: Sale, order_id: str) -> None:
    call("POST", order_id, "/invoice", sale(order_id, "NF/1"))

    assert call("PATCH", order_id, "/invoice/NF/1", CARRIAGE).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"isDelivered": None}, id="delivered unknown"),
        pytest.param({"deliveredDate": "soon"}, id="delivered on no date"),
        pytest.param({"events": None}, id="no events"),
        pytest.param({"events": [{**POSTED, "city": None}]}, id="an event nowhere"),
        pytest.param({"events": [{**POSTED, "date": "28/11/2026"}]}, id="an event on no date"),
    ],
)
def test_progress_that_is_wrong_is_refused(
    box: Box, call: Call, tracked: str, changes: dict[str, Any]
) -> None:
    answer = call("PUT", tracked, "/invoice/NF1/tracking", progress(POSTED, **changes))

    assert answer.status_code == 400
    assert box.order(tracked).packages[0].events == ()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"trackingNumber": None}, id="no number"),
        pytest.param({"trackingUrl": 1}, id="URL a number"),
    ],
)
def test_carriage_that_is_wrong_changes_nothing(
    box: Box, call: Call, invoiced: str, changes: dict[str, Any]
) -> None:
    answer = call("PATCH", invoiced, "/invoice/NF1", {**CARRIAGE, **changes})

    assert answer.status_code == 400
    assert box.order(invoiced).packages[0].tracking_number is None
