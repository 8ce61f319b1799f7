"""Two real workers that share one budget, one pause and one breaker."""

from __future__ import annotations

import json
import random
import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.event_receiver import answer, receiving
from support.faulty_way import say
from support.plant import STORE, Plant
from support.waiting import until

from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.signing import new_secret
from orders_sync.testing import away_erp
from orders_sync.traffic.breaker import Circuit
from orders_sync.traffic.limiter import SECOND, SlotPlan
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic, Usage
from orders_sync.traffic.waits import ERP

BUDGET = 600
ERP_BUDGET = 120

_ACCOUNT = f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__"


@contextmanager
def working(home: Path, box: Box, **changes: str) -> Iterator[Plant]:
    """Run two workers and beat against a sandbox of our own."""
    with serving(box) as url, Plant(home, box, url) as plant:
        plant.environment |= changes
        plant.start_worker(1)
        plant.start_worker(2)
        plant.start_beat()
        yield plant


@pytest.fixture
def box() -> Box:
    return Box(STORE, seed=1)


def usage(plant: Plant) -> Usage:
    """Tell how the account stands, as any process sees it."""
    traffic = Traffic(
        Shared(connect(plant.broker_url)), {STORE: BUDGET}, processes=1, random=random.Random(1)
    )
    try:
        return traffic.usage(STORE)
    finally:
        traffic.close()


def erp_rests(plant: Plant) -> bool:
    return any(
        each.name == ERP and each.standing is not Circuit.CLOSED for each in usage(plant).breakers
    )


def standings(plant: Plant) -> Counter[str]:
    connection = sqlite3.connect(plant.home / "ledger.sqlite3")
    try:
        return Counter(row[0] for row in connection.execute("SELECT standing FROM orders"))
    finally:
        connection.close()


def test_all_processes_together_keep_to_the_budget_of_the_account(tmp_path: Path) -> None:
    box = Box(STORE, seed=1, requests_per_minute=BUDGET)
    with working(tmp_path, box, **{f"{_ACCOUNT}REQUESTS_PER_MINUTE": str(BUDGET)}) as plant:
        orders = box.create_orders(100)

        until(lambda: plant.are_handled(orders), "every order is handled")

        calls = sorted(call.at for call in box.calls())
        busiest = max(bisect_left(calls, at + 10) - index for index, at in enumerate(calls))
        plan = SlotPlan.of(BUDGET)
        assert box.record.over_budget == 0
        assert busiest <= plan.burst + 11 * SECOND // plan.interval
        until(lambda: standings(plant) == {"done": 100}, "the ledger says so too")


def test_a_revoked_key_stops_the_account_and_a_valid_one_lets_it_go_on(
    tmp_path: Path, box: Box
) -> None:
    with working(tmp_path, box) as plant:
        box.dials.latency_min_seconds = box.dials.latency_max_seconds = 0.1
        box.create_orders(200)
        until(lambda: len(plant.in_erp()) >= 10, "work has begun")

        box.credentials = {"key": "another token"}
        until(lambda: usage(plant).pause is not None, "the account is paused")
        before = box.record.total
        refused = box.record.statuses["401"]
        until(lambda: box.record.statuses["401"] > refused, "it was probed")
        during = box.record.total - before
        box.credentials = None
        until(lambda: usage(plant).pause is None, "the account goes on")
        until(lambda: standings(plant)["done"] >= 100, "so do its orders")

        assert during <= 30
        assert standings(plant)["parked"] == 0


def test_an_erp_that_is_away_stops_the_polling_and_gets_everything_when_it_is_back(
    tmp_path: Path, box: Box
) -> None:
    away_erp.install(tmp_path)
    away_erp.take_away(tmp_path)
    changes = {f"{_ACCOUNT}ERP": away_erp.NAME, "PYTHONPATH": str(tmp_path)}
    with working(tmp_path, box, **changes) as plant:
        first = box.create_orders(50)
        until(lambda: erp_rests(plant), "the ERP is left alone")
        until(lambda: "feed.held_back" in everybody_says(plant), "polling has stopped")
        later = box.create_orders(150)
        tried = away_erp.calls_in_vain(tmp_path)
        until(lambda: away_erp.calls_in_vain(tmp_path) >= tried + 2, "it was tried again")
        waiting_in_feed = box.feed.visible if box.feed else 0

        away_erp.give_back(tmp_path)
        until(lambda: plant.are_handled(first + later), "every order is handled")

        until(lambda: standings(plant) == {"done": 200}, "nothing is parked")
        assert waiting_in_feed >= 50
        assert plant.in_erp() == {*first, *later}


def test_all_processes_together_keep_to_the_calls_a_minute_of_an_erp(
    tmp_path: Path, box: Box
) -> None:
    with working(tmp_path, box, **{f"{_ACCOUNT}ERP_CALLS_PER_MINUTE": str(ERP_BUDGET)}) as plant:
        orders = box.create_orders(30)
        until(lambda: plant.are_handled(orders), "every order is handled")
        until(lambda: standings(plant) == {"done": 30}, "the ledger says so too")

        calls = placed_at(plant)
        busiest = max(bisect_left(calls, at + 5) - index for index, at in enumerate(calls))
        plan = SlotPlan.of(ERP_BUDGET)
        assert busiest <= plan.burst + 1 + 5 * SECOND // plan.interval
        assert tries(plant) == {1}
        assert failures(plant) == 0


def test_an_erp_that_asks_to_be_called_later_is_left_alone_and_costs_no_try(
    tmp_path: Path, box: Box
) -> None:
    with receiving() as receiver:
        receiver.behaviour = answer(429, Retry_After="2")
        options = json.dumps({"url": receiver.url, "secret": new_secret()})
        changes = {f"{_ACCOUNT}ERP": "webhook", f"{_ACCOUNT}ERP_OPTIONS": options}
        with working(tmp_path, box, **changes) as plant:
            orders = box.create_orders(50)
            until(lambda: usage(plant).erp_held_seconds > 0, "the ERP is left alone")
            until(lambda: len(receiver.received) > 20, "it was called again and again")
            receiver.behaviour = say({"reference": "SO-1"})
            until(lambda: plant.are_handled(orders), "every order is handled")
            until(lambda: standings(plant) == {"done": 50}, "the ledger says so too")

            assert tries(plant) == {1}


def placed_at(plant: Plant) -> list[float]:
    """Return when the ERP got each order, in seconds since 1970."""
    with closing(sqlite3.connect(plant.home / "erp.sqlite3")) as erp:
        times = erp.execute("SELECT placed_at FROM erp_orders ORDER BY placed_at")
        return [datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for (at,) in times]


def tries(plant: Plant) -> set[int]:
    """Return which tries there were of steps of orders."""
    with closing(sqlite3.connect(plant.home / "ledger.sqlite3")) as ledger:
        rows = ledger.execute("SELECT attempt FROM journal WHERE attempt IS NOT NULL")
        return {row[0] for row in rows}


def failures(plant: Plant) -> int:
    """Return how many steps failed."""
    with closing(sqlite3.connect(plant.home / "ledger.sqlite3")) as ledger:
        rows = ledger.execute("SELECT count(*) FROM journal WHERE what = 'step.failed'")
        return int(rows.fetchone()[0])


def everybody_says(plant: Plant) -> str:
    return plant.log_of("worker1") + plant.log_of("worker2")
