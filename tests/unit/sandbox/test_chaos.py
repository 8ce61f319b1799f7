from __future__ import annotations

from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box, Dials, Request, Response
from orders_sync.testing.clock import SettableClock

HEADERS = {"x-vtex-api-appkey": "key", "x-vtex-api-apptoken": "token"}


def start_handling(box: Box, order_id: str) -> Any:
    path = f"/api/oms/pvt/orders/{order_id}/start-handling"
    return box.handle(Request("POST", path, headers=HEADERS))


def a_box(**dials: Any) -> tuple[Box, str]:
    box = Box(seed=5, clock=lambda: 1.7e9, dials=Dials(**dials))
    order_id = next(name for name in box.create_orders(20) if name.endswith("-01"))
    return box, order_id


@pytest.mark.parametrize(
    ("dials", "effect"),
    [
        pytest.param({"drop_before": 1.0}, False, id="before"),
        pytest.param({"drop_after": 1.0}, True, id="after"),
    ],
)
def test_a_connection_is_cut_before_or_after_the_effect(
    dials: dict[str, float], *, effect: bool
) -> None:
    box, order_id = a_box(**dials)

    answer = start_handling(box, order_id)

    assert not isinstance(answer, Response)
    assert (box.order(order_id).status == "handling") is effect
    assert [(call.status, call.effect) for call in box.calls()] == [("dropped", effect)]


def test_a_503_says_when_to_come_again_and_has_no_effect() -> None:
    box, order_id = a_box(unavailable=1.0)

    answer = start_handling(box, order_id)

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert box.order(order_id).status == "ready-for-handling"


def test_a_server_error_is_a_page_that_may_hide_an_effect() -> None:
    box = Box(seed=5, clock=lambda: 1.7e9, dials=Dials(server_error=1.0))
    order_ids = [name for name in box.create_orders(60) if name.endswith("-01")]

    answers = [start_handling(box, order_id) for order_id in order_ids]

    assert {answer.status for answer in answers} == {500, 502, 504}
    assert all(answer.body.startswith(b"<html>") for answer in answers)
    assert {box.order(order_id).status for order_id in order_ids} == {
        "ready-for-handling",
        "handling",
    }


def test_a_page_with_a_200_has_no_effect() -> None:
    box, order_id = a_box(html_200=1.0)

    answer = start_handling(box, order_id)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert box.order(order_id).status == "ready-for-handling"


def test_a_storm_of_429_comes_and_goes(clock: SettableClock) -> None:
    box = Box(seed=5, clock=clock.epoch, dials=Dials(storm_every_seconds=20, storm_seconds=4))

    seen = ""
    for _ in range(400):
        answer = box.handle(Request("GET", "/api/oms/pvt/orders", headers=HEADERS))
        assert isinstance(answer, Response)
        seen += "x" if answer.status == 429 else "."
        clock.advance(1)

    storms = [len(storm) for storm in seen.split(".") if storm]
    assert len(storms) > 5
    assert max(storms) in {3, 4}
    assert seen.count(".") > 200
    assert box.record.over_budget == 0


def test_latency_is_told_and_not_waited_for() -> None:
    box, order_id = a_box(latency_min_seconds=1.0, latency_max_seconds=2.0)

    answer = start_handling(box, order_id)

    assert 1.0 <= answer.delay_seconds <= 2.0


@pytest.mark.parametrize("preset", ["mild", "wild"])
def test_the_same_seed_and_calls_have_the_same_fate(preset: Any) -> None:
    fates = []
    for _ in range(2):
        box = Box(seed=9, clock=lambda: 1.7e9, dials=Dials.preset(preset))
        order_ids = box.create_orders(1)
        get = Request("GET", f"/api/oms/pvt/orders/{order_ids[0]}", headers=HEADERS)
        fates.append([box.handle(get) for _ in range(500)])

    assert fates[0] == fates[1]
    assert len({type(answer) for answer in fates[0]}) == 2


def test_another_seed_has_another_fate() -> None:
    fates = []
    for seed in (1, 2):
        box = Box(seed=seed, clock=lambda: 1.7e9, dials=Dials(server_error=0.5))
        get = Request("GET", "/api/oms/pvt/orders/1-01", headers=HEADERS)
        fates.append([getattr(box.handle(get), "status", None) for _ in range(50)])

    assert fates[0] != fates[1]


def test_off_never_fails(box: Box, shop: requests.Session) -> None:
    (order_id,) = box.create_orders(1)

    statuses = {
        shop.get(f"http://vtex/api/oms/pvt/orders/{order_id}").status_code for _ in range(300)
    }

    assert statuses == {200}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"no_such_dial": 1}, id="unknown name"),
        pytest.param({"drop_after": "often"}, id="text for a chance"),
        pytest.param({"drop_after": -1}, id="negative"),
        pytest.param({"drop_after": True}, id="boolean for a chance"),
        pytest.param({"fresh_event_ids": 1}, id="number for a switch"),
        pytest.param({"forbidden": "get_order"}, id="text for a list"),
    ],
)
def test_a_dial_that_is_wrong_turns_none(values: dict[str, Any]) -> None:
    dials = Dials()

    with pytest.raises(ValueError, match="dial"):
        dials.turn({"unavailable": 0.5, **values})

    assert dials == Dials()
