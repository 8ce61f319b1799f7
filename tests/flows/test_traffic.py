"""The road under the real budget, breakers and pause, on a time that only the test moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support.flow import STORE, Flow

from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ErpUnavailable
from orders_sync.traffic.traffic import Traffic

_HOUR = 3600


@pytest.fixture
def flow(guarded_flow: Flow) -> Flow:
    """A flow whose calls have to pass."""
    return guarded_flow


class Erp:
    """Switches the staging adapter off and on, behind everything that guards it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_away = False
        self.can_answer = True
        self.failed = 0
        for name in ("place_order", "pull", "answer"):
            monkeypatch.setattr(StagingErp, name, self._switched(name, getattr(StagingErp, name)))

    def _switched(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if self.is_away or (name == "answer" and not self.can_answer):
                self.failed += 1
                raise ErpUnavailable("the ERP is switched off")
            return method(*args)

        return call


@pytest.fixture
def erp(monkeypatch: pytest.MonkeyPatch) -> Erp:
    return Erp(monkeypatch)


def traffic_of(flow: Flow) -> Traffic:
    assert flow.services.traffic is not None
    return flow.services.traffic


def standings(flow: Flow, orders: list[str]) -> set[str]:
    return {flow.standing(order_id) for order_id in orders}


def journal_of(flow: Flow, order_id: str) -> list[str]:
    return [line["what"] for line in flow.services.ledger.inquiries.story(STORE, order_id)[2]]


@pytest.mark.parametrize("count", [pytest.param(1, id="one order"), pytest.param(40, id="many")])
def test_an_erp_that_is_away_for_hours_gets_everything_within_a_minute_of_its_return(
    flow: Flow, erp: Erp, count: int
) -> None:
    orders = flow.box.create_orders(count)
    flow.poll()
    flow.drain()
    erp.is_away = True
    flow.box.create_orders(1)
    flow.settle(rounds=150, seconds=60)

    erp.is_away = False
    flow.settle(rounds=12, seconds=5)

    assert standings(flow, orders) == {"done"}
    assert set(flow.in_erp()) == {order.order_id for order in flow.box.orders()}
    assert erp.failed < 2.5 * _HOUR / 30 + 20


def test_a_lone_order_waits_for_its_erp_through_a_long_weekend(flow: Flow, erp: Erp) -> None:
    [order_id] = flow.box.create_orders(1)
    erp.is_away = True
    rests = []
    for _ in range(20):
        flow.settle(rounds=1, seconds=10)
        rests.append(flow.services.erp_rests(STORE) is not None)
    flow.settle(rounds=71, seconds=_HOUR - 10)
    during = flow.order(order_id)

    erp.is_away = False
    flow.settle(rounds=12, seconds=5)

    assert any(rests)
    assert (during["standing"], during["attempts"]) == ("waiting", 0)
    assert flow.standing(order_id) == "done"


def test_while_the_erp_rests_the_feed_keeps_the_orders_and_vtex_is_not_asked_for_them(
    flow: Flow, erp: Erp
) -> None:
    erp.is_away = True
    early = flow.box.create_orders(20)
    flow.settle(rounds=5, seconds=5)
    flow.box.create_orders(50)
    before = Counter(flow.box.record.by_name)

    flow.settle(rounds=60, seconds=20)

    during = flow.box.record.by_name - before
    feed = flow.box.feed
    assert feed is not None
    assert feed.visible >= 40
    assert during["feed_read"] <= 5
    assert during["get_order"] <= 60
    assert standings(flow, early) == {"waiting"}
    assert {flow.order(order_id)["attempts"] for order_id in early} == {0}


def test_a_refused_key_pauses_the_account_until_it_is_accepted_again(
    flow: Flow,
) -> None:
    orders = flow.box.create_orders(30)
    flow.poll()
    flow.clock.advance(10)
    flow.box.credentials = {"key": "another token"}
    flow.settle(rounds=10, seconds=30)
    paused = traffic_of(flow).usage(STORE).pause
    refused = flow.box.record.statuses["401"]

    flow.settle(rounds=120, seconds=30)
    probes = flow.box.record.statuses["401"] - refused
    flow.box.credentials = None
    flow.settle(rounds=6, seconds=15)

    assert paused is not None
    assert probes <= 120 * 2
    assert standings(flow, orders) == {"done"}
    assert traffic_of(flow).usage(STORE).pause is None


def test_orders_that_wait_for_their_turn_use_no_tries_and_fill_no_journal(
    flow: Flow,
) -> None:
    orders = flow.box.create_orders(40)
    flow.poll()
    before = flow.box.record.total
    traffic_of(flow).limiter.hold(STORE, 20)
    flow.drain()
    rows = [flow.order(order_id) for order_id in orders]
    during = flow.box.record.total - before

    flow.settle(rounds=5, seconds=10)

    assert during == 0
    assert {(row["standing"], row["cause"], row["attempts"]) for row in rows} == {
        ("waiting", "traffic.hold", 0)
    }
    assert standings(flow, orders) == {"done"}
    assert {what for order_id in orders for what in journal_of(flow, order_id)} == {
        "event.recorded",
        "step.done",
    }


def test_an_outcome_that_a_resting_erp_cannot_hear_is_told_later(flow: Flow, erp: Erp) -> None:
    [order_id] = flow.in_handling()
    erp.can_answer = False
    flow.erp_writes(
        "INSERT INTO erp_commands (account, order_id, kind, body)"
        " VALUES (:account, :order, 'invoice', '{\"number\": \"1\"}')",
        account=STORE,
        order=order_id,
    )
    flow.settle(rounds=30, seconds=2)
    rests = flow.services.erp_rests(STORE)

    erp.can_answer = True
    flow.settle(rounds=12, seconds=5)

    assert rests is not None
    assert flow.erp_reads("SELECT state FROM erp_commands") == [("done",)]
