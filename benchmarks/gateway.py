"""What it costs to accept a command over HTTP, beside the broker's way, and how long it takes.

    python -m benchmarks.gateway [--commands 1000] [--per-second 50]

Prints CPU milliseconds of all our processes for a note from its asking to its effect, by each way,
and how long a caller waits for its answer at a steady pace. Compare within one run only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import requests
import requests.adapters
from celery import Celery

from benchmarks.outbound import make_orders
from benchmarks.plant import STORE, Plant, percentile, running_plant, until
from orders_sync.settings import child_environment

_THREADS = 20
_ORDERS = 50


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=1000)
    parser.add_argument("--per-second", type=int, default=50)
    options = parser.parse_args()
    with (
        running_plant(2, gateway=True, GATEWAY__REQUESTS_PER_MINUTE="1000000") as plant,
        Celery(broker=plant.broker_url) as service,
    ):
        orders = make_orders(plant, _ORDERS)
        session = _session(plant)

        def over_http(number: int) -> float:
            began = time.monotonic()
            answer = session.post(
                f"{plant.gateway_url}/api/v1/accounts/{STORE}/orders/"
                f"{quote(orders[number % _ORDERS], safe='')}/notes",
                json={"message": f"http {number}"},
                timeout=60,
            )
            answer.raise_for_status()
            return time.monotonic() - began

        def by_broker(number: int) -> None:
            kwargs = {
                "account": STORE,
                "order_id": orders[number % _ORDERS],
                "message": f"broker {number}",
            }
            service.send_task("orders_sync.note", kwargs=kwargs, queue="tracking")

        print(f"over HTTP  {_cost(plant, over_http, options.commands):.2f} ms of CPU a command")
        print(f"by broker  {_cost(plant, by_broker, options.commands):.2f} ms of CPU a command")
        waits = _steadily(over_http, options.commands, options.per_second)
        print(
            f"at {options.per_second} a second: accepted after {percentile(waits, 0.5) * 1000:.1f} "
            f"ms (p50), {percentile(waits, 0.99) * 1000:.1f} ms (p99)"
        )


def _cost(plant: Plant, ask: Callable[[int], object], count: int) -> float:
    before, cpu = _effects(plant), plant.cpu_seconds()
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(ask, range(count)))
    until(lambda: _effects(plant) >= before + count, "every note took effect")
    return (plant.cpu_seconds() - cpu) * 1000 / count


def _steadily(ask: Callable[[int], float], count: int, per_second: int) -> list[float]:
    began = time.monotonic()
    with ThreadPoolExecutor(_THREADS) as pool:
        asked = []
        for number in range(count):
            time.sleep(max(began + number / per_second - time.monotonic(), 0.0))
            asked.append(pool.submit(ask, count + number))
        return [answer.result() for answer in asked]


def _effects(plant: Plant) -> int:
    return plant.calls("add_interaction")


def _session(plant: Plant) -> requests.Session:
    scope = ("--scope", "send:note", "--account", STORE)
    made = subprocess.run(  # noqa: S603 - Our own command.
        [sys.executable, "-m", "orders_sync", "tokens", "create", "--name", "bench", *scope],
        env=child_environment(**plant.environment),
        check=True,
        capture_output=True,
        text=True,
    )
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {made.stdout.strip()}"
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_THREADS))
    return session


if __name__ == "__main__":
    main()
