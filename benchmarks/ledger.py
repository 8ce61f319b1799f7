"""What the ledger's operations take when it is large.

    python -m benchmarks.ledger [--orders 1000000] [--times 9] [--postgresql | --url URL]

Fills an empty ledger with orders, nearly all of them done, a few thousand open, with their events,
documents, journal and commands; then times what workers, sweeps, metrics and people do with it, and
prints the median and the longest of some calls. The ledger is an SQLite file in a temporary
folder, or in a PostgreSQL server that is started for it, with `fsync` off; `--url` names an empty
database of your own instead.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from orders_sync.ledger import Ledger
from orders_sync.ledger.engine import Database
from orders_sync.ledger.migrate import upgrade

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.full_ledger import fill, gather_statistics
from support.ledger_operations import Operations
from support.postgres import find_binaries, running_postgres

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def main() -> None:
    """Fill, time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--postgresql", action="store_true")
    where.add_argument("--url")
    wanted = parser.parse_args()
    with _database(wanted.url, is_postgresql=wanted.postgresql) as url:
        upgrade(url)
        _fill(url, wanted.orders)
        ledger = Ledger(url, lease=timedelta(seconds=60))
        _time(ledger, wanted.orders, wanted.times)
        ledger.close()


@contextmanager
def _database(url: str | None, *, is_postgresql: bool) -> Iterator[str]:
    if url is not None:
        yield url
        return
    if is_postgresql:
        binaries = find_binaries()
        if binaries is None:
            sys.exit("No PostgreSQL server was found. Install one: apt-get install postgresql")
        with running_postgres(binaries) as server:
            yield server.url(server.create())
        return
    with tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home:
        yield f"sqlite:///{home}/ledger.sqlite3"


def _fill(url: str, orders: int) -> None:
    began = time.perf_counter()
    with closing(Database(url, seconds=math.inf)) as database:
        fill(database, orders=orders, now=_NOW)
        gather_statistics(database)
    print(f"{orders:,} orders filled in after {time.perf_counter() - began:.0f} s\n")


def _time(ledger: Ledger, orders: int, times: int) -> None:
    print(f"{'':<42} {'median ms':>10} {'longest ms':>11}")
    for name, operation in Operations(ledger, orders=orders, now=_NOW).all.items():
        took = []
        for _ in range(times):
            began = time.perf_counter()
            operation()
            took.append((time.perf_counter() - began) * 1000)
        print(f"{name:<42} {median(took):>10.1f} {max(took):>11.1f}", flush=True)


if __name__ == "__main__":
    main()
