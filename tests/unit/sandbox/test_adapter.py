from __future__ import annotations

import pytest
import requests

from orders_sync.sandbox import Box, Dials, SandboxAdapter

URL = "http://vtex/api/oms/pvt/orders"


def session(box: Box, slept: list[float]) -> requests.Session:
    made = requests.Session()
    made.mount("http://", SandboxAdapter(box, sleep=slept.append))
    made.headers.update({"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"})
    return made


@pytest.mark.parametrize("dial", ["drop_before", "drop_after"])
def test_a_cut_connection_is_a_connection_error(dial: str) -> None:
    box = Box()
    box.dials.turn({dial: 1.0})

    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        session(box, []).get(URL)


def test_latency_is_handed_to_sleep() -> None:
    slept: list[float] = []
    box = Box(dials=Dials(latency_min_seconds=3.0, latency_max_seconds=3.0))

    session(box, slept).get(URL, timeout=(1, 5))

    assert slept == [3.0]


@pytest.mark.parametrize("timeout", [2.0, (10.0, 2.0)])
def test_latency_past_the_read_time_out_hides_the_effect(
    timeout: float | tuple[float, float],
) -> None:
    slept: list[float] = []
    box = Box(dials=Dials(latency_min_seconds=3.0, latency_max_seconds=3.0))
    order_id = next(name for name in box.create_orders(20) if name.endswith("-01"))

    with pytest.raises(requests.ReadTimeout):
        session(box, slept).post(f"{URL}/{order_id}/start-handling", timeout=timeout)

    assert slept == [2.0]
    assert box.order(order_id).status == "handling"


def test_a_body_can_be_streamed() -> None:
    box = Box()
    order_id = next(name for name in box.create_orders(20) if name.endswith("-01"))

    with session(box, []).get(f"{URL}/{order_id}", stream=True) as answer:
        chunks = list(answer.iter_content(1_000))

    assert len(chunks) > 1
    assert len(b"".join(chunks)) == int(answer.headers["content-length"])
