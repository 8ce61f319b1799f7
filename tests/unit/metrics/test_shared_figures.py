"""What one process shows for all: the ledger, the broker and the traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector
from unit.metrics.reading import Sample, sample, scrape

from orders_sync.ledger.gauges import LedgerState
from orders_sync.metrics.ledger import LedgerCollector
from orders_sync.metrics.shared import (
    BrokerCollector,
    BrokerState,
    TrafficCollector,
)
from orders_sync.traffic.breaker import BreakerState, Circuit
from orders_sync.traffic.limiter import Used
from orders_sync.traffic.pause import PauseState
from orders_sync.traffic.traffic import Usage

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def shown(collector: Collector) -> dict[Sample, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    return scrape(registry)


def shown_of(state: LedgerState) -> dict[Sample, float]:
    return shown(LedgerCollector(lambda: state, lambda: {"shop": True}))


def test_an_account_with_nothing_to_do_is_shown_with_zeros() -> None:
    found = shown_of(LedgerState(NOW))

    for standing in ("active", "waiting", "parked"):
        name = sample("orders_sync_orders", account="shop", standing=standing)
        assert found[name] == 0
    assert found[sample("orders_sync_oldest_order_age_seconds", account="shop")] == 0
    assert found[sample("orders_sync_oldest_event_age_seconds", account="shop")] == 0
    assert found[sample("orders_sync_ledger_up")] == 1


def test_a_feed_that_was_never_polled_is_infinitely_old() -> None:
    found = shown_of(LedgerState(NOW))

    assert found[sample("orders_sync_feed_poll_age_seconds", account="shop")] == float("inf")


def test_the_last_read_of_the_feed_is_told_from_the_last_poll() -> None:
    never = shown_of(LedgerState(NOW, polled={("shop",): NOW}))
    once = shown_of(LedgerState(NOW, feed_read={("shop",): NOW - timedelta(hours=2)}))

    assert never[sample("orders_sync_feed_read_age_seconds", account="shop")] == float("inf")
    assert once[sample("orders_sync_feed_read_age_seconds", account="shop")] == 7200


@pytest.mark.parametrize("silent", ["feed", "hook"])
def test_the_silence_of_feed_or_hook_is_told_from_the_last_that_was_heard(silent: str) -> None:
    since = {("shop",): NOW - timedelta(hours=1), ("closed",): NOW - timedelta(days=9)}
    silence: dict[str, Any] = {f"{silent}_silent": since}
    found = shown_of(LedgerState(NOW, **silence))
    both = shown_of(LedgerState(NOW))

    name = f"orders_sync_{silent}_silence_seconds"
    assert found[sample(name, account="shop")] == 3600
    assert both[sample(name, account="shop")] == 0
    assert sample(name, account="other") not in found


def test_the_feed_of_an_account_that_is_not_configured_any_more_is_not_missed() -> None:
    closed, shop = NOW - timedelta(days=90), NOW
    state = LedgerState(
        NOW,
        polled={("closed",): closed, ("shop",): shop},
        feed_read={("closed",): closed, ("shop",): shop},
    )

    found = shown_of(state)

    ages = {labels: age for (name, labels), age in found.items() if "_feed_" in name}
    assert ages == {frozenset({("account", "shop")}): 0}


def test_nothing_of_a_disabled_account_is_late_and_its_work_is_shown() -> None:
    long_ago = NOW - timedelta(days=9)
    state = LedgerState(
        NOW,
        orders={("shop", "waiting"): 3},
        oldest_order={("shop",): long_ago},
        oldest_command={("shop", "invoice"): long_ago},
        polled={("shop",): long_ago},
        feed_read={("shop",): long_ago},
    )

    found = shown(LedgerCollector(lambda: state, lambda: {"shop": False, "open": True}))

    assert found[sample("orders_sync_account_disabled", account="shop")] == 1
    assert found[sample("orders_sync_account_disabled", account="open")] == 0
    assert found[sample("orders_sync_orders", account="shop", standing="waiting")] == 3
    ages = {age for (name, labels), age in found.items() if "age" in name and "shop" in str(labels)}
    assert ages == {0}


def test_ages_are_counted_from_the_time_of_the_reading() -> None:
    state = LedgerState(
        NOW,
        oldest_order={("shop",): NOW - timedelta(minutes=2)},
        oldest_command={("shop", "invoice"): NOW - timedelta(hours=1)},
        polled={("shop",): NOW + timedelta(seconds=30)},
    )

    found = shown_of(state)

    invoice = sample("orders_sync_oldest_command_age_seconds", account="shop", kind="invoice")
    assert found[sample("orders_sync_oldest_order_age_seconds", account="shop")] == 120
    assert found[invoice] == 3600
    assert found[sample("orders_sync_feed_poll_age_seconds", account="shop")] == 0


def test_what_anybody_may_write_does_not_become_a_label() -> None:
    state = LedgerState(
        NOW,
        commands_parked={
            ("joao@example.com", "invoize", "command.invalid"): 2,
            ("maria@example.com", "invoyce", "João sent it"): 3,
            ("shop", "invoice", "vtex.refused"): 1,
        },
        oldest_order={
            ("joao@example.com",): NOW - timedelta(minutes=1),
            ("maria@example.com",): NOW - timedelta(minutes=3),
        },
    )

    found = shown_of(state)

    parked = {
        labels: value for (name, labels), value in found.items() if name.endswith("commands_parked")
    }
    kept = frozenset({("account", "shop"), ("kind", "invoice"), ("cause", "vtex.refused")})
    assert sorted(parked.values()) == [1, 2, 3]
    assert parked[kept] == 1
    assert found[sample("orders_sync_oldest_order_age_seconds", account="other")] == 180
    assert "@" not in str(found)
    assert "João" not in str(found)


@pytest.mark.parametrize(
    ("collector", "name"),
    [
        pytest.param(
            LedgerCollector(lambda: None, dict),
            "orders_sync_ledger_up",
            id="ledger",
        ),
        pytest.param(BrokerCollector(lambda: None), "orders_sync_broker_up", id="broker"),
    ],
)
def test_what_does_not_answer_shows_that_and_nothing_that_is_old(
    collector: Collector, name: str
) -> None:
    assert shown(collector) == {sample(name): 0}


def test_queues_are_shown_with_what_is_in_hand_and_what_was_set_aside() -> None:
    found = shown(BrokerCollector(lambda: BrokerState({"orders": 7, "erp": 0}, 3, 1, 2, 9.5)))

    assert found == {
        sample("orders_sync_broker_up"): 1,
        sample("orders_sync_queue_messages", queue="orders"): 7,
        sample("orders_sync_queue_messages", queue="erp"): 0,
        sample("orders_sync_unacknowledged_messages"): 3,
        sample("orders_sync_oldest_unacknowledged_seconds"): 9.5,
        sample("orders_sync_stray_messages"): 1,
        sample("orders_sync_stray_messages_dropped_total"): 2,
    }


def test_the_budget_of_each_account_is_shown() -> None:
    sick = {"one": 1.0, "two": 2.0}
    breakers = (
        BreakerState("vtex", Circuit.CLOSED, 9, 0, None, sick=sick),
        BreakerState("erp", Circuit.OPEN, 9, 9, 1.0),
    )
    usage = Usage("shop", Used(90, 2700, 5400, 2.5), breakers, PauseState(1.0, "orders"))
    away = Usage("gone", None, (), None)

    found = shown(TrafficCollector(lambda: [usage, away]))

    assert {name: value for (name, _), value in found.items()} == {
        "orders_sync_budget_used_calls": 90,
        "orders_sync_budget_pace_calls_per_minute": 2700,
        "orders_sync_budget_calls_per_minute": 5400,
        "orders_sync_budget_held_seconds": 2.5,
        "orders_sync_account_paused": 1,
        "orders_sync_open_breakers": 1,
        "orders_sync_sick_processes": 2,
    }
