from __future__ import annotations

import pytest
from unit.metrics.reading import sample, scrape

from orders_sync.metrics import Metrics


def test_a_step_is_measured_by_how_it_ended(metrics: Metrics) -> None:
    metrics.step_ended("orders.fetch", "done", 0.2)
    metrics.step_ended("orders.fetch", "failed", 3.0, "vtex.unavailable")

    found = scrape(metrics.registry)
    done = {"step": "orders.fetch", "outcome": "done"}
    assert found[sample("orders_sync_step_seconds_sum", **done)] == 0.2
    assert found[sample("orders_sync_step_seconds_bucket", **done, le="0.25")] == 1
    assert found[sample("orders_sync_step_seconds_bucket", **done, le="0.1")] == 0


@pytest.mark.parametrize(
    ("cause", "label"),
    [
        pytest.param("vtex.unavailable", "vtex.unavailable", id="one of ours"),
        pytest.param("unexpected.KeyError", "unexpected.KeyError", id="an unexpected error"),
        pytest.param("João did not pay", "other", id="a sentence of an adapter"),
        pytest.param("x" * 200, "other", id="a long one"),
        pytest.param(None, "other", id="none"),
    ],
)
def test_a_step_that_was_not_done_is_counted_by_a_harmless_cause(
    metrics: Metrics, cause: str | None, label: str
) -> None:
    metrics.step_ended("erp.hand_over", "parked", 1.0, cause)

    name = "orders_sync_step_setbacks_total"
    labels = {"step": "erp.hand_over", "outcome": "parked", "cause": label}
    assert scrape(metrics.registry)[sample(name, **labels)] == 1


def test_a_step_that_was_done_is_no_setback(metrics: Metrics) -> None:
    metrics.step_ended("erp.hand_over", "done", 1.0)

    names = {name for name, _ in scrape(metrics.registry)}
    assert "orders_sync_step_setbacks_total" not in names


def test_of_a_failed_task_only_the_kind_of_error_is_kept(metrics: Metrics) -> None:
    metrics.task_failed("feed.poll", ValueError("João"))

    labels = {"task": "feed.poll", "error": "ValueError"}
    assert scrape(metrics.registry)[sample("orders_sync_task_failures_total", **labels)] == 1


def test_only_a_success_moves_the_time_of_the_last_success(metrics: Metrics) -> None:
    metrics.vtex_called("shop", "get_feed", "2xx", 0.1, now=1000.0)
    metrics.vtex_called("shop", "get_feed", "5xx", 0.1, now=2000.0)

    found = scrape(metrics.registry)
    labels = {"account": "shop", "endpoint": "get_feed"}
    assert found[sample("orders_sync_vtex_last_success_timestamp_seconds", **labels)] == 1000
    assert found[sample("orders_sync_vtex_calls_total", **labels, outcome="5xx")] == 1
    assert found[sample("orders_sync_vtex_call_seconds_count", **labels)] == 2


def test_ticks_of_beat_are_counted_and_dated(metrics: Metrics) -> None:
    metrics.tick_sent("feed.poll", now=1000.0)
    metrics.tick_sent("feed.poll", now=1001.0)

    found = scrape(metrics.registry)
    assert found[sample("orders_sync_beat_ticks_total", task="feed.poll")] == 2
    last = sample("orders_sync_beat_last_tick_timestamp_seconds", task="feed.poll")
    assert found[last] == 1001


def test_two_processes_of_a_test_do_not_share_their_figures(metrics: Metrics) -> None:
    Metrics().dispatch_postponed("orders.fetch")

    name = sample("orders_sync_dispatches_postponed_total", step="orders.fetch")
    assert name not in scrape(metrics.registry)
