"""The page for adapter authors: its adapter is installed, chosen, and given orders for real."""

from __future__ import annotations

import math
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from inspect import getmembers, signature
from pathlib import Path
from typing import Any

import pytest
from project import adapter_page as page
from support.flow import STORE, Flow

from orders_sync.bootstrap import Services
from orders_sync.erp.base import Erp
from orders_sync.erp.registry import installed
from orders_sync.errors import ErpRefused, ErpUnavailable, ItemUnmapped
from orders_sync.settings import Settings, child_environment, load_settings
from orders_sync.settings_parts import RetrySettings
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.erp_suite import ErpSuite
from orders_sync.traffic.breaker import BreakerPolicy
from orders_sync.worker.retry import Again, decide


class AcmeFlow(Flow):
    """The road in, with the adapter that the environment chooses."""

    def __init__(self, home: Path, clock: SettableClock) -> None:
        super().__init__(home, clock)
        self.home = home
        self.services.close()
        self.settings = load_settings()
        self.services = Services(
            self.settings, clock=clock, random=random.Random(1), adapter=self.adapter
        )

    def acme(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.home / "acme.sqlite3", isolation_level=None)) as acme:
            return acme.execute(statement, values).fetchall()


@pytest.fixture
def make_flow(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], AcmeFlow]]:
    """Install an adapter and choose it as the page says; give the road that leads to it."""
    made: list[AcmeFlow] = []

    def make(source: str) -> AcmeFlow:
        page.install(tmp_path / "site-packages", source)
        monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
        account = f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__"
        chosen = page.blocks("Twenty-one lines that work", "sh")[0].strip()
        for name, value in (
            chosen.split("="),
            (f"{account}APP_KEY", "key"),
            (f"{account}APP_TOKEN", "token"),
            (f"{account}BASE_URL", "http://vtex"),
            ("ORDERS_SYNC_HOME", str(tmp_path)),
        ):
            monkeypatch.setenv(name, value)
        made.append(AcmeFlow(tmp_path, clock))
        return made[-1]

    yield make
    for flow in made:
        flow.close()
    sys.modules.pop(page.MODULE, None)


@pytest.fixture
def flow(make_flow: Callable[[str], AcmeFlow]) -> AcmeFlow:
    return make_flow(page.small_adapter())


@pytest.fixture
def whole_flow(make_flow: Callable[[str], AcmeFlow]) -> AcmeFlow:
    flow = make_flow(page.whole_adapter())
    flow.acme(page.blocks("What the ERP wants VTEX to know", "sql")[0])
    return flow


def test_the_small_adapter_has_at_most_twenty_one_lines() -> None:
    lines = [line for line in page.small_adapter().splitlines() if line.strip()]

    assert len(lines) <= 21
    assert max(map(len, lines)) <= 100


def test_the_adapter_is_found_by_the_entry_point_of_the_pages_pyproject(flow: AcmeFlow) -> None:
    erp = flow.services.erp(STORE)

    assert "acme" in installed()
    assert type(erp).__module__ == page.MODULE
    assert isinstance(erp, Erp)


def test_the_small_adapter_takes_real_orders_all_the_way_and_each_once(flow: AcmeFlow) -> None:
    orders = flow.box.create_orders(5)
    flow.poll()
    while flow.queue:
        following = flow.queue.popleft()
        flow.run(following)
        flow.run(following)

    rows = flow.acme("SELECT id, cents, state FROM orders")

    expected = [(order_id, flow.box.order(order_id).value, "new") for order_id in orders]
    assert sorted(rows) == sorted(expected)
    assert {flow.box.order(order_id).status for order_id in orders} == {"handling"}
    assert flow.order(orders[0])["erp_reference"] == f"acme-{orders[0]}"


def test_the_small_adapter_hears_of_a_cancellation(flow: AcmeFlow) -> None:
    [order_id] = flow.in_handling()

    flow.ask("cancel", order_id, {"reason": "out of stock"})
    flow.settle(rounds=10)

    assert flow.standing(order_id) == "void"
    assert flow.acme("SELECT state FROM orders") == [("cancelled",)]


@pytest.mark.parametrize(
    ("source", "suite", "more"),
    [
        pytest.param(page.small_adapter(), page.small_suite(), 2, id="small"),
        pytest.param(page.whole_adapter(), page.whole_suite(), 2, id="whole"),
    ],
)
def test_the_adapter_passes_the_pages_test_file(
    source: str, suite: str, more: int, tmp_path: Path
) -> None:
    page.install(tmp_path, source)
    test_file = tmp_path / f"test_{page.MODULE}.py"
    test_file.write_text(suite)

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", test_file],
        check=False,
        cwd=tmp_path,
        env=child_environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
    )

    promises = [promise for name, promise in getmembers(ErpSuite) if name.startswith("test_")]
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{sum(map(runs_of, promises)) + more} passed" in run.stdout


def runs_of(promise: Any) -> int:
    """Count how often a promise of the suite is tested."""
    marks = [mark for mark in getattr(promise, "pytestmark", ()) if mark.name == "parametrize"]
    # These are run for each of the two ways to tell an outcome.
    ways = 2 if "tell" in signature(promise).parameters else 1
    return ways * math.prod(len(mark.args[1]) for mark in marks)


@pytest.mark.parametrize(
    ("error", "standing", "cause", "says"),
    [
        pytest.param(ErpUnavailable("away"), "waiting", "erp.unavailable", "away", id="away"),
        pytest.param(ErpRefused("no"), "parked", "erp.refused", "no", id="refused"),
        pytest.param(
            ErpRefused("no credit", cause="acme.no_credit", hint="Raise it."),
            "parked",
            "acme.no_credit",
            "no credit",
            id="refused with a cause",
        ),
        pytest.param(ItemUnmapped("88"), "parked", "erp.item_unmapped", "SKU 88", id="unmapped"),
        pytest.param(KeyError("Maria"), "waiting", "unexpected.KeyError", "KeyError at ", id="bug"),
    ],
)
def test_an_error_ends_as_the_page_says(
    error: Exception,
    standing: str,
    cause: str,
    says: str,
    flow: AcmeFlow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(flow.services.erp(STORE), "place_order", fail)
    [order_id] = flow.in_handling()

    row = flow.order(order_id)
    assert (row["standing"], row["cause"]) == (standing, cause)
    assert says in row["reason"]
    assert "Maria" not in str(row)


def test_an_order_that_is_not_packed_may_be_cancelled(whole_flow: AcmeFlow) -> None:
    [order_id] = whole_flow.in_handling()

    whole_flow.box.cancel(order_id, request=True)
    whole_flow.settle(rounds=10)

    assert whole_flow.box.order(order_id).status == "canceled"
    assert whole_flow.acme("SELECT state FROM orders") == [("cancelled",)]


def test_an_order_that_is_packed_is_kept(whole_flow: AcmeFlow) -> None:
    [order_id] = whole_flow.in_handling()
    whole_flow.acme("UPDATE orders SET state = 'packed' WHERE id = ? AND state = 'new'", order_id)

    whole_flow.box.cancel(order_id, request=True)
    whole_flow.settle(rounds=10)

    assert whole_flow.box.order(order_id).status != "canceled"
    assert whole_flow.acme("SELECT state FROM orders") == [("packed",)]
    assert whole_flow.calls(order_id, "deny_cancellation")


def test_an_order_that_changes_is_changed_at_acme_until_it_is_packed(
    whole_flow: AcmeFlow,
) -> None:
    [order_id] = [each for each in whole_flow.in_handling(8) if whole_flow.box.edit(each, "items")][
        :1
    ]
    read = partial(whole_flow.services.ledger.orders.look_again, STORE, order_id)
    whole_flow.queue += read(now=whole_flow.clock())
    whole_flow.drain()
    value, cents = whole_flow.box.order(order_id).value, "SELECT cents FROM orders WHERE id = ?"
    taken = whole_flow.acme(cents, order_id)
    whole_flow.acme("UPDATE orders SET state = 'packed'")
    whole_flow.box.edit(order_id, "authorization")

    whole_flow.queue += read(now=whole_flow.clock())
    whole_flow.drain()

    assert taken == [(value,)]
    assert whole_flow.order(order_id)["cause"] == "erp.changed_too_late"
    assert whole_flow.acme("SELECT number FROM revisions") == [(2,)]


def test_an_invoice_that_acme_writes_reaches_vtex_and_is_answered(whole_flow: AcmeFlow) -> None:
    [order_id] = whole_flow.in_handling()
    cents = whole_flow.box.order(order_id).value
    write = "INSERT INTO invoices (order_id, number, cents) VALUES (?, ?, ?)"
    whole_flow.acme(write, order_id, "000123", cents)
    whole_flow.acme(write, order_id, "000124", "a lot")

    whole_flow.settle(rounds=5)

    answers = whole_flow.acme("SELECT number, answer FROM invoices ORDER BY id")
    assert answers == [("000123", "done"), ("000124", "refused")]
    assert whole_flow.box.order(order_id).status == "invoiced"


def test_the_figures_of_the_page_are_those_of_the_settings() -> None:
    settings, policy = Settings(_env_file=None), RetrySettings().erp
    ceilings = [
        min(policy.first_seconds * policy.factor**tries, policy.cap_seconds)
        for tries in range(policy.attempts - 1)
    ]

    assert f"`ORDERS_SYNC_LEASE_SECONDS` ({settings.lease_seconds:g} s)" in page.PAGE
    assert f"`ORDERS_SYNC_PULL_SECONDS` ({settings.pull_seconds:g} s)" in page.PAGE
    assert f"`ORDERS_SYNC_IDLE_POLL_SECONDS` ({settings.idle_poll_seconds:g} s)" in page.PAGE
    assert "after 5 s, 10 s, ... up to 10 min; parked after 20 tries" in page.PAGE
    assert (ceilings[:2], policy.cap_seconds, policy.attempts) == ([5, 10], 600, 20)
    # Full jitter waits for half of each ceiling on average.
    assert "which takes about an hour" in page.PAGE
    assert 3000 < sum(ceilings) / 2 < 4500
    assert "within 5 s at first, then within 30 s at most, for 72 hours" in page.PAGE
    assert policy.deadline_seconds == 72 * 3600
    for failing_for, ceiling in ((0, 5), (3600, 30)):
        verdict = decide(
            ErpUnavailable("away"),
            policy,
            failures=1,
            failing_for=timedelta(seconds=failing_for),
            jitter=1,
            visible_after=timedelta(0),
        )
        assert isinstance(verdict, Again)
        assert verdict.delay == timedelta(seconds=ceiling)


def test_the_page_tells_when_an_erp_is_left_alone() -> None:
    breaker = BreakerPolicy()

    assert "half of at least ten calls within 30 s" in page.PAGE
    assert (breaker.failing_percent, breaker.minimum, breaker.window) == (50, 10, 30)
    assert "one call every 30 s tries it" in page.PAGE
    assert breaker.longest_open == 30
