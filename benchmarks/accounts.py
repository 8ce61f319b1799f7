"""What accounts cost that are added while orders flow.

    python -m benchmarks.accounts [--accounts 500] [--workers 2] [--calm 60]

One account of the settings gets 2 orders a second: first alone, then while so many others are added
to the ledger, each with its key encrypted, then a while longer. Printed are how long it took to add
them, and until each had its feed, with all processes' CPU until then; the times from an order's
making at VTEX to its row in the ERP, alone and meanwhile; how many orders were lost; and what share
of a core all processes take once nothing happens any more. Times and shares are this machine's.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import SecretStr

from benchmarks.evidence import Books
from benchmarks.plant import (
    STORE,
    Plant,
    Sandbox,
    beside,
    percentile,
    running_plant,
    running_sandbox,
    say,
    until,
)
from orders_sync.encryption import Cipher, new_key
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act
from orders_sync.roster import seal_account
from orders_sync.settings import Settings

_EVERY_SECONDS = 0.5
_ALONE_SECONDS = 30.0


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calm", type=float, default=60.0, help="seconds")
    options = parser.parse_args()
    key = new_key()
    with (
        running_sandbox(account="others") as others,
        running_plant(options.workers, SECRETS_KEY=key) as plant,
    ):
        with _flowing(plant) as alone:
            time.sleep(_ALONE_SECONDS)
        _say_latency("alone", plant, alone)
        with _flowing(plant) as meanwhile:
            began, used = time.monotonic(), plant.cpu_seconds()
            _add(plant, others, options.accounts, key)
            say("seconds in which they were added", f"{time.monotonic() - began:.1f}")
            until(lambda: _feeds(others) >= options.accounts, "each has its feed")
            say("seconds until each had its feed", f"{time.monotonic() - began:.1f}")
            each = (plant.cpu_seconds() - used) / options.accounts
            say("CPU of an account until then, orders among it", f"{each * 1000:.0f} ms")
            time.sleep(_ALONE_SECONDS)
        _say_latency("meanwhile", plant, meanwhile)
        _say_shares(plant, options.calm)


@contextmanager
def _flowing(plant: Plant) -> Iterator[dict[str, float]]:
    """Make orders in the block, and give each with its time; the block ends once all are placed."""
    made: dict[str, float] = {}

    def make(ended: threading.Event) -> None:
        while not ended.wait(_EVERY_SECONDS):
            at = time.time()
            (order_id,) = plant.admin("POST", "orders", count=1)["order_ids"]
            made[order_id] = at

    with beside(make):
        yield made
    until(lambda: made.keys() <= Books(plant).in_erp().keys(), "every order is in the ERP", 120)


def _add(plant: Plant, others: Sandbox, number: int, key: str) -> None:
    settings = Settings(home=plant.home)
    ledger, cipher = Ledger(settings.ledger, lease=settings.lease), Cipher(SecretStr(key))
    for index in range(number):
        name = f"added{index}"
        account = {
            "app_key": f"key-of-{name}",
            "app_token": "token",
            "base_url": others.url,
            "requests_per_minute": 1_000_000,
        }
        act = Act(datetime.now(UTC), "benchmark")
        ledger.kept_accounts.keep(seal_account(name, account, cipher), act, "add")
    ledger.close()


def _feeds(sandbox: Sandbox) -> int:
    by_name: dict[str, int] = sandbox.admin("GET", "report")["calls_by_name"]
    return by_name.get("feed_config_set", 0)


def _say_latency(when: str, plant: Plant, made: dict[str, float]) -> None:
    placed = Books(plant).in_erp()
    waits: Sequence[float] = [placed[each] - at for each, at in made.items() if each in placed]
    middle, most = (percentile(list(waits), share) for share in (0.5, 0.99))
    say(f"{when}: orders, of which lost", f"{len(made)}, {len(made) - len(waits)}")
    say(f"{when}: seconds to the ERP, p50 and p99", f"{middle:.2f}, {most:.2f}")


def _say_shares(plant: Plant, seconds: float) -> None:
    time.sleep(seconds / 3)
    before, began = plant.cpu_by_process(), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    shares = {name: (used - before[name]) / passed for name, used in plant.cpu_by_process().items()}
    for name, share in shares.items():
        say(name, f"{share:.1%} of a core")
    say(f"in all, at rest, with the account {STORE}", f"{sum(shares.values()):.1%} of a core")


if __name__ == "__main__":
    main()
