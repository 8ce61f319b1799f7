"""What the ledger's operations take when it is large.

    python -m benchmarks.ledger [--orders 1000000] [--waiting 1000000] [--times 9]
                                [--postgresql | --url URL]

Fills an empty ledger with orders, nearly all of them done, a few thousand open, with their events,
documents, journal and commands; then times what workers, dispatchers, metrics and people do with
it, and prints the median, the 99th percentile and the longest of some calls; with fewer than two
hundred (`--times`) the last two are one. Then as many commands as are asked for wait, due and all
of one account, and a tick of the dispatcher is timed again. The ledger is an SQLite file in a
temporary folder, or in a PostgreSQL server that is started for it, with `fsync` off; `--url` names
an empty database of your own instead.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.plant import percentile
from orders_sync.ledger import Ledger
from orders_sync.ledger.engine import Database
from orders_sync.ledger.migrate import upgrade

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.full_ledger import fill, fill_waiting, gather_statistics
from support.ledger_operations import Operations
from support.postgres import PostgresServer, find_binaries, running_postgres

_NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def main() -> None:
    """Fill, time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=9)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--postgresql", action="store_true")
    where.add_argument("--url")
    wanted = parser.parse_args()
    with empty_database(wanted.url, is_postgresql=wanted.postgresql) as url:
        upgrade(url)
        fill_in(url, f"{wanted.orders:,} orders", partial(fill, orders=wanted.orders, now=_NOW))
        with closing(Ledger(url, lease=timedelta(seconds=60))) as ledger:
            operations = Operations(ledger, orders=wanted.orders, now=_NOW)
            time_each(timed(operations.all), wanted.times)
        waiting = partial(fill_waiting, commands=wanted.waiting, now=_NOW)
        fill_in(url, f"{wanted.waiting:,} waiting commands", waiting)
        with closing(Ledger(url, lease=timedelta(seconds=60))) as ledger:
            operations = Operations(ledger, orders=wanted.orders, now=_NOW)
            ticks = {name: act for name, act in operations.all.items() if name.startswith("tick")}
            time_each(timed(ticks), wanted.times)


@contextmanager
def empty_database(url: str | None, *, is_postgresql: bool) -> Iterator[str]:
    """Yield the URL of a database: `url`, one of a new PostgreSQL server, or an SQLite file."""
    if url is not None:
        yield url
        return
    if is_postgresql:
        with new_postgres() as server:
            yield server.url(server.create())
        return
    with tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home:
        yield f"sqlite:///{home}/ledger.sqlite3"


@contextmanager
def new_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server."""
    binaries = find_binaries()
    if binaries is None:
        sys.exit("No PostgreSQL server was found. Install one: apt-get install postgresql")
    with running_postgres(binaries) as server:
        yield server


def fill_in(url: str, what: str, add: Callable[[Database], None]) -> None:
    """Fill a ledger, and say how long that took."""
    began = time.perf_counter()
    with closing(Database(url, seconds=math.inf)) as database:
        add(database)
        gather_statistics(database)
    print(f"\n{what} filled in after {time.perf_counter() - began:.0f} s\n")


def timed(operations: Mapping[str, Callable[[], object]]) -> Mapping[str, Callable[[], float]]:
    """Return operations that return the milliseconds that they took."""
    return {name: partial(_milliseconds, operation) for name, operation in operations.items()}


def _milliseconds(operation: Callable[[], object]) -> float:
    began = time.perf_counter()
    operation()
    return (time.perf_counter() - began) * 1000


def time_each(measures: Mapping[str, Callable[[], float]], times: int) -> None:
    """Take each measure so many times, and print its median, 99th percentile and longest."""
    print(f"{'':<42} {'median ms':>10} {'p99 ms':>10} {'longest ms':>11}")
    for name, measure in measures.items():
        took = [measure() for _ in range(times)]
        print(
            f"{name:<42} {median(took):>10.1f} {percentile(took, 0.99):>10.1f} {max(took):>11.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
