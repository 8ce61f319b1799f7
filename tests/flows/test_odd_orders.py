"""Orders that VTEX tells of oddly reach the ERP whole, and what does not add up is counted."""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client import CollectorRegistry
from support.flow import STORE, Flow

from orders_sync.vtex.translate import order as read_order

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def counted(registry: CollectorRegistry) -> Counter[str]:
    """Count the orders that do not add up, by reason."""
    return Counter(
        {
            sample.labels["reason"]: int(sample.value)
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name == "orders_sync_order_differences_total"
        }
    )


def test_events_without_the_time_of_their_change_are_read_at_once(flow: Flow) -> None:
    flow.box.dials.feed_without_change = 1.0
    orders = flow.box.create_orders(5)

    flow.poll()
    flow.drain()
    flow.acknowledge()

    assert flow.in_erp() == dict.fromkeys(orders, "new")
    assert flow.box.feed is not None
    assert (flow.box.feed.visible, flow.box.feed.in_flight) == (0, 0)


def test_orders_that_do_not_add_up_are_counted_by_their_reason(flow: Flow) -> None:
    orders = flow.box.create_orders(120)

    flow.poll()
    flow.drain()

    reasons: Counter[str] = Counter()
    for order_id in orders:
        kept = flow.services.ledger.orders.document(STORE, order_id)
        assert kept is not None
        reason = read_order(STORE, kept.body).reckoning.reason
        if reason is not None:
            reasons[reason.value] += 1
    assert set(flow.in_erp()) == set(orders)
    assert reasons["marketplace"] > 0
    assert counted(flow.services.metrics.registry) == reasons
