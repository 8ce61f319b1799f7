"""What a run is judged by: the sandbox's count of calls, the ERP's rows, and the ledger's books."""

from __future__ import annotations

import sqlite3
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import requests

from benchmarks.plant import STORE, Plant, beside

_SAMPLE_SECONDS = 0.5
_MINUTE = 60.0
_OPEN = ("active", "waiting")


class Meter:
    """Reads the sandbox's counters twice a second, for as long as the block lasts."""

    def __init__(self, plant: Plant) -> None:
        self._url = f"{plant.vtex_url}/_sandbox/report"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._times: list[float] = []
        self._calls: list[int] = []
        self.over_budget = 0

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stopped.set()
        self._thread.join()

    def calls(self, begin: float, end: float) -> float:
        """Count the calls between two instants; between two readings they are taken as even."""
        return self._calls_by(end) - self._calls_by(begin)

    def use(self, begin: float, end: float, per_minute: int) -> float:
        """Return the share of a budget that was used between two instants."""
        return self.calls(begin, end) / ((end - begin) / _MINUTE * per_minute)

    def busiest_minute(self) -> int:
        """Return the most calls that any 60 seconds had."""
        return round(max(self.calls(begin, begin + _MINUTE) for begin in self._times))

    def _calls_by(self, instant: float) -> float:
        after = bisect_right(self._times, instant)
        if after in {0, len(self._times)}:
            return self._calls[max(after - 1, 0)]
        early, late = self._times[after - 1 : after + 1]
        fewer, more = self._calls[after - 1 : after + 1]
        return fewer + (more - fewer) * (instant - early) / (late - early)

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stopped.is_set():
                report = session.get(self._url, timeout=120).json()
                self._times.append(time.time())
                self._calls.append(report["calls_total"])
                self.over_budget = report["over_budget"]
                self._stopped.wait(_SAMPLE_SECONDS)


@contextmanager
def orders_coming_in(plant: Plant, a_second: float) -> Iterator[None]:
    """Create orders at a steady pace, for as long as the block lasts."""

    def pour(ended: threading.Event) -> None:
        due, url = time.monotonic(), f"{plant.vtex_url}/_sandbox/orders"
        with requests.Session() as session:
            while not ended.wait(max(0.0, due - time.monotonic())):
                session.post(url, json={"count": 1}, timeout=120).raise_for_status()
                due += 1 / a_second

    with beside(pour):
        yield


@dataclass(frozen=True, slots=True)
class Books:
    """Our ledger and the ERP's tables, read from outside."""

    plant: Plant

    def known(self) -> dict[str, str]:
        """Return the standing of every order that the ledger knows."""
        return dict(self._ledger("SELECT order_id, standing FROM orders"))

    def waiting_for(self) -> dict[str, int]:
        """Count the orders that are open in the ledger, by what they wait for."""
        rows = self._ledger(
            "SELECT coalesce(cause, next_step), count(*) FROM orders "
            "WHERE standing IN ('active', 'waiting') GROUP BY 1 ORDER BY 2 DESC"
        )
        return dict(rows)

    def open(self) -> set[str]:
        """Name the orders that are open in the ledger."""
        return {order_id for order_id, standing in self.known().items() if standing in _OPEN}

    def worked_on_by(self, pid: int) -> set[str]:
        """Name the orders that a worker has the lease of."""
        mine = f"SELECT order_id FROM orders WHERE lease_owner LIKE '%/{pid}/%'"  # noqa: S608 - A number.
        return {row[0] for row in self._ledger(mine)}

    def parked(self) -> int:
        """Count how often anything was parked, also where it went on later."""
        return int(self._ledger("SELECT count(*) FROM journal WHERE what = 'step.parked'")[0][0])

    def in_erp(self, account: str = STORE) -> dict[str, float]:
        """Return when each order of an account came to the ERP, in seconds since the epoch.

        Two accounts may have orders of the same id.
        """
        rows = self._read(
            "erp.sqlite3",
            "SELECT order_id, (julianday(placed_at) - 2440587.5) * 86400 FROM erp_orders "
            "WHERE account = ?",
            account,
        )
        return dict(rows)

    def _ledger(self, statement: str) -> list[Any]:
        return self._read("ledger.sqlite3", statement)

    def _read(self, name: str, statement: str, *terms: str) -> list[Any]:
        path = self.plant.home / name
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
        try:
            return connection.execute(statement, terms).fetchall()
        finally:
            connection.close()


def handled_at(orders: list[dict[str, Any]]) -> dict[str, float]:
    """Return when start-handling first took effect on each order."""
    return {o["order_id"]: o["handling_at"] for o in orders if o["handling_at"] is not None}


def is_settled(plant: Plant) -> bool:
    """Check whether all that came in is handled, and nothing is open in the ledger."""
    report = plant.admin("GET", "report")
    is_handled = report["orders_by_status"].get("handling", 0) == report["orders"]
    return is_handled and not Books(plant).open()


def verdict(plant: Plant) -> str:
    """Judge the run by what the sandbox and the ERP saw."""
    orders, books = plant.orders(), Books(plant)
    in_erp, known = books.in_erp(), books.known()
    lost = [o for o in orders if o["status"] != "handling" or o["order_id"] not in in_erp]
    doubled = [o for o in orders if o["start_handling_effects"] > 1 or o["doubled"]]
    early = [o for o in orders if (o["handling_at"] or 0) < in_erp.get(o["order_id"], 0) - 0.01]
    unended = [order_id for order_id, standing in known.items() if standing in _OPEN]
    return (
        f"{len(orders)} orders: {len(lost)} lost, {len(doubled)} doubled, {len(unended)} unended, "
        f"{len(early)} handled before the ERP had them, {books.parked()} parked"
    )
