from __future__ import annotations

from support.flow import STORE, Flow
from support.reconciling import HOURS, later
from unit.metrics.reading import scrape


def counted(flow: Flow) -> dict[tuple[str, str, str], float]:
    """What the metrics say of findings, by account, kind and outcome."""
    found = {}
    for (name, labels), value in scrape(flow.services.metrics.registry).items():
        if name == "orders_sync_reconcile_findings_total":
            label = dict(labels)
            found[label["account"], label["kind"], label["outcome"]] = value
    return found


def test_findings_are_counted_by_kind_and_by_what_became_of_them(flow: Flow) -> None:
    flow.box.dials.hollow_success = 1
    flow.in_handling()
    flow.box.dials.hollow_success = 0
    flow.box.create_orders(2)
    flow.box.dials.hollow_success = 1

    later(flow)
    later(flow, 7 * HOURS)

    assert counted(flow)[STORE, "ready.unknown", "read"] == 2
    assert counted(flow)[STORE, "handling.missing", "read"] >= 1
    assert counted(flow)[STORE, "handling.missing", "parked"] >= 1
