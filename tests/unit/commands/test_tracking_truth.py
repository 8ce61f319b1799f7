"""Tracking as VTEX is told it: whole, of one parcel, by the store's clock, in the order of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.fulfilments import NOTHING_KNOWN, NOW, ORDER, known, package, seconds_ago

from orders_sync.commands.track import TrackBody, Tracking, judge_tracking
from orders_sync.commands.verdicts import AlreadyInVtex, NotAllowed, Send, SentTracking, Verdict
from orders_sync.domain.fulfilment import PackageEvent
from orders_sync.vtex.names import PROGRESS, encode

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
POSTED = PackageEvent("C", "S", "posted", datetime(2026, 11, 20, tzinfo=UTC), None)
OLD: dict[str, Any] = {
    "tracking_number": "OLD",
    "tracking_url": "https://t/OLD",
    "courier": "Ipê",
    "events": (POSTED,),
    "is_finished": True,
    "delivered_at": datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
}


def judge(body: dict[str, Any], shown: dict[str, Any], **facts: Any) -> Verdict:
    order = replace(ORDER, packages=(package("1", 9, **shown),), zone=SAO_PAULO)
    tracking = TrackBody.model_validate({"invoice_number": "1", **body})
    return judge_tracking(tracking, order, known(**facts))


def told(body: dict[str, Any], shown: dict[str, Any], **facts: Any) -> Tracking:
    verdict = judge(body, shown, **facts)
    assert isinstance(verdict, Send), verdict
    assert isinstance(verdict.what, Tracking)
    return verdict.what


def test_another_number_is_another_parcel_of_which_nothing_old_stays() -> None:
    tracking = told({"tracking_number": "NEW"}, OLD)

    assert tracking.parcel is not None
    assert (tracking.parcel.tracking_number, tracking.parcel.tracking_url) == ("NEW", None)
    assert tracking.progress is not None
    progress = encode(tracking.progress, PROGRESS, with_nulls=True)
    assert progress == {"events": [], "isDelivered": False, "deliveredDate": None}


def test_the_same_number_keeps_what_is_not_said_again() -> None:
    tracking = told({"tracking_number": "OLD", "courier": "Swift"}, OLD)

    assert tracking.parcel is not None
    assert tracking.parcel.tracking_url == "https://t/OLD"
    assert tracking.progress is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"tracking_url": "https://t/2"}, id="tracking_url"),
        pytest.param({"courier": "Swift"}, id="courier"),
        pytest.param({"dispatched_at": NOW}, id="dispatched_at"),
        pytest.param({"delivered_at": NOW}, id="delivered_at"),
    ],
)
def test_each_field_alone_is_news(body: dict[str, Any]) -> None:
    verdict = judge({"delivered": True, **body}, OLD)

    assert isinstance(verdict, Send)


def test_a_time_of_dispatch_that_vtex_was_told_is_no_news_and_stays() -> None:
    first = TrackBody(invoice_number="1", tracking_number="OLD", dispatched_at=NOW)
    sent = {"sent_tracking": {"1": [SentTracking(first, seconds_ago(99))]}}

    again = judge({"tracking_number": "OLD", "dispatched_at": NOW}, OLD, **sent)
    other = told({"tracking_number": "OLD", "courier": "Swift"}, OLD, **sent)

    assert isinstance(again, AlreadyInVtex)
    assert other.parcel is not None
    assert other.parcel.dispatched_at == NOW


@pytest.mark.parametrize(
    "at", ["2026-11-28T22:30:00-03:00", "2026-11-29T01:30:00Z", "2026-11-29T02:30:00+01:00"]
)
def test_a_delivery_in_the_evening_is_told_by_the_stores_clock(at: str) -> None:
    event = {"city": "C", "state": "S", "description": "delivered", "date": at}

    tracking = told(
        {"delivered": True, "delivered_at": at, "events": [event]}, {"tracking_number": "T"}
    )

    assert tracking.progress is not None
    written = encode(tracking.progress, PROGRESS)
    assert written["deliveredDate"] == "2026-11-28 22:30"
    assert written["events"][-1]["date"] == "2026-11-28"


def test_events_of_a_day_are_told_in_the_order_of_time() -> None:
    newest_first = [
        {
            "city": "C",
            "state": "S",
            "description": text,
            "date": f"2026-11-27T{hour:02}:00:00-03:00",
        }
        for text, hour in [("delivered", 18), ("on its way", 9), ("left", 7)]
    ]

    tracking = told({"events": newest_first}, {"tracking_number": "T", "events": (POSTED,)})

    assert tracking.progress is not None
    texts = [event.description for event in tracking.progress.events]
    assert texts == ["posted", "left", "on its way", "delivered"]


def test_tracking_goes_to_the_spelling_that_vtex_has() -> None:
    order = replace(ORDER, packages=(package("NF.7", 9),))
    body = TrackBody(invoice_number="NF/7", tracking_number="T")

    verdict = judge_tracking(body, order, NOTHING_KNOWN)

    assert isinstance(verdict, Send)
    assert verdict.what.invoice_number == "NF.7"


@pytest.mark.parametrize("number", ["NF/7", "NF 7", "NF#7", "NF-7 "])
def test_a_spelling_that_vtexs_routes_break_on_is_refused_at_once(number: str) -> None:
    order = replace(ORDER, packages=(package(number, 9),))
    body = TrackBody(invoice_number="NF-7", tracking_number="T")

    verdict = judge_tracking(body, order, NOTHING_KNOWN)

    assert isinstance(verdict, NotAllowed)
    assert verdict.cause == "tracking.number_unroutable"
