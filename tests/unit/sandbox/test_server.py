from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import requests
from support.waiting import until

from orders_sync.sandbox import Box
from orders_sync.sandbox.server import ordering, serving

SERVE = """
from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serve
serve(Box(), "127.0.0.1", 0, ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.fixture
def box() -> Box:
    return Box(seed=1)


@pytest.fixture
def url(box: Box) -> Iterator[str]:
    with serving(box) as url:
        yield url


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.headers.update({"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"})
        yield made


def test_the_box_and_its_admin_answer_over_http(
    box: Box, url: str, session: requests.Session
) -> None:
    order_ids = session.post(f"{url}/_sandbox/orders", json={"count": 40}).json()["order_ids"]

    paths = [f"{url}/api/oms/pvt/orders/{quote(order_id, safe='')}" for order_id in order_ids]
    statuses = [session.post(f"{path}/start-handling", json={}).status_code for path in paths]
    found = [session.get(path).json() for path in paths]

    assert set(statuses) == {204}
    assert [order["orderId"] for order in found] == order_ids
    assert {order["status"] for order in found} == {"handling"}
    assert len(box.calls()) == 80


def test_a_dropped_connection_is_cut_after_its_effect_and_without_a_word(
    capfd: pytest.CaptureFixture[str], box: Box, url: str, session: requests.Session
) -> None:
    order_id = next(name for name in box.create_orders(20) if name.endswith("-01"))
    box.dials.drop_after = 1.0

    with pytest.raises(requests.ConnectionError):
        session.post(f"{url}/api/oms/pvt/orders/{order_id}/start-handling", json={})
    box.dials.drop_after = 0.0
    answer = session.get(f"{url}/api/oms/pvt/orders/{order_id}")

    assert answer.json()["status"] == "handling"
    assert capfd.readouterr().err == ""


def test_a_slow_answer_keeps_nobody_else_waiting(
    box: Box, url: str, session: requests.Session
) -> None:
    box.dials.turn({"latency_min_seconds": 3_600.0, "latency_max_seconds": 3_600.0})
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(requests.get, f"{url}/api/oms/pvt/orders", timeout=(10, 0.5))
        while not box.calls():
            session.get(f"{url}/_sandbox/health", timeout=10)

        quick = session.get(f"{url}/_sandbox/health", timeout=10)

    assert quick.status_code == 200
    assert isinstance(slow.exception(), requests.ReadTimeout)


def test_sigterm_ends_it_although_a_connection_is_open() -> None:
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with requests.Session() as session:
            session.get(f"{url}/_sandbox/health")
            os.kill(process.pid, signal.SIGTERM)

            said, _ = process.communicate(timeout=10)

    assert said == "ended\n"
    assert process.returncode == 0


def test_customers_order_for_as_long_as_the_sandbox_is_served(box: Box) -> None:
    with ordering(box, 0.001):
        until(lambda: len(box.orders()) >= 2)

    assert "ordering" not in {thread.name for thread in threading.enumerate()}
