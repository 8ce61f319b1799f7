"""How soon an order that the hook tells of is in the ERP, and what a flood of posts takes.

    python -m benchmarks.hook [--orders 100] [--posts 1000] [--per-second 50] [--flood 0]

Orders come in one by one while the feed is read at its idle pace; the time from the change at VTEX
to the ERP's row is printed, and how often the feed was read. Then posts come at a steady pace, and
how long VTEX waits for its answer is printed. With `--flood` so many orders come at once, of which
a fifth is never posted and a tenth twice, until the last one is handled.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import requests
import requests.adapters

from benchmarks.evidence import Books
from benchmarks.plant import STORE, Plant, percentile, running_plant, say, until

_SECRET = "a-secret-of-the-hook"  # noqa: S105 - Made up.
_KEY = f"key-of-{STORE}"
_THREADS = 20
_PAUSE_SECONDS = 0.3


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--per-second", type=int, default=50)
    parser.add_argument("--flood", type=int, default=0)
    options = parser.parse_args()
    secret = {f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__HOOK_SECRET": _SECRET}
    with running_plant(2, gateway=True, environment=secret) as plant, _session() as session:
        _configure(plant, session)
        _one_by_one(plant, options.orders)
        _steadily(plant, session, options.posts, options.per_second)
        if options.flood:
            _flood(plant, options.flood)


def _one_by_one(plant: Plant, count: int) -> None:
    polls, began = plant.calls("feed_read"), time.monotonic()
    poured = {}
    for _ in range(count):
        at = time.time()
        [order_id] = plant.admin("POST", "orders", count=1)["order_ids"]
        poured[order_id] = at
        time.sleep(_PAUSE_SECONDS)
    found = Books(plant)
    until(lambda: poured.keys() <= found.in_erp(STORE).keys(), "every order is in the ERP")
    placed = found.in_erp(STORE)
    delays = [placed[order_id] - at for order_id, at in poured.items()]
    per_minute = (plant.calls("feed_read") - polls) * 60 / (time.monotonic() - began)
    say("from the change to the ERP, s (p50)", f"{percentile(delays, 0.5):.2f}")
    say("from the change to the ERP, s (p99)", f"{percentile(delays, 0.99):.2f}")
    say("reads of the feed a minute", f"{per_minute:.1f}")


def _steadily(plant: Plant, session: requests.Session, count: int, per_second: int) -> None:
    def post(number: int) -> tuple[int, float]:
        began = time.monotonic()
        change = {
            "Domain": "Marketplace",
            "OrderId": f"bench-{number}",
            "State": "payment-pending",
            "CurrentChange": datetime.now().astimezone().isoformat(),
            "Origin": {"Account": STORE, "Key": _KEY},
        }
        answer = session.post(f"{plant.gateway_url}/hook/{STORE}", data=json.dumps(change))
        return answer.status_code, time.monotonic() - began

    began, cpu = time.monotonic(), plant.cpu_by_process()["gateway"]
    with ThreadPoolExecutor(_THREADS) as pool:
        asked = []
        for number in range(count):
            time.sleep(max(began + number / per_second - time.monotonic(), 0.0))
            asked.append(pool.submit(post, number))
        answers = [answer.result() for answer in asked]
    waits = [seconds * 1000 for _, seconds in answers]
    cpu_ms = (plant.cpu_by_process()["gateway"] - cpu) * 1000 / count
    say("CPU of the gateway, ms a post", f"{cpu_ms:.2f}")
    say(f"answers at {per_second} a second", dict(Counter(status for status, _ in answers)))
    say("answered after, ms (p50)", f"{percentile(waits, 0.5):.1f}")
    say("answered after, ms (p99)", f"{percentile(waits, 0.99):.1f}")


def _flood(plant: Plant, count: int) -> None:
    plant.admin("PUT", "dials", hook_drops=0.2, hook_duplicates=0.1, hook_disorder=0.3)
    before, began = plant.admin("GET", "report"), time.monotonic()
    plant.admin("POST", "orders", count=count)
    until(lambda: plant.admin("GET", "report")["hook"]["waiting"] == 0, "all is posted")
    posted = plant.admin("GET", "report")["hook"]
    seconds = time.monotonic() - began
    say("posted and answered 200", f"{posted['taken']}, all of it after {seconds:.0f} s")
    say("refused, and posted again", posted["refused"] - before["hook"]["refused"])
    say("never posted", posted["dropped"])
    handled = before["orders_by_status"].get("handling", 0) + count

    def are_handled() -> bool:
        by_status = plant.admin("GET", "report")["orders_by_status"]
        return bool(by_status.get("handling", 0) >= handled)

    until(are_handled, "every order is handled", 3600)
    say("all handled after, s", f"{time.monotonic() - began:.0f}")
    say("orders doubled", sum(1 for order in plant.orders() if order["doubled"]))


def _configure(plant: Plant, session: requests.Session) -> None:
    plant.admin("PUT", "dials", hook_loopback=True, hook_pause_seconds=0.5)
    body = {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
        "hook": {
            "url": f"{plant.gateway_url}/hook/{STORE}",
            "headers": {"X-Integration-Secret": _SECRET},
        },
    }
    session.post(f"{plant.vtex_url}/api/orders/hook/config", json=body).raise_for_status()


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["X-Integration-Secret"] = _SECRET
    session.headers.update({"X-VTEX-API-AppKey": _KEY, "X-VTEX-API-AppToken": "token"})
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_THREADS))
    return session


if __name__ == "__main__":
    main()
