"""Reconciling inside one process: on the flow's sandbox and ledger, at the flow's time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from support.flow import STORE, Flow

from orders_sync.upkeep.reconcile import Reconciled, ReconcileLimits, reconcile

A_WHILE = 1200.0
HOURS = 3600.0


def reconciled(flow: Flow, **changes: Any) -> Reconciled:
    """Run once, as the task does."""
    limits: dict[str, Any] = {
        "horizon": timedelta(days=30),
        "pages": 10,
        "reads": 100,
        "in_flight": 1000,
        "patience": timedelta(hours=24),
    }
    options: dict[str, Any] = {
        "owner": "reconciler",
        "vtex": flow.services.vtex(STORE),
        "ledger": flow.services.ledger,
        "clock": flow.clock,
        "dispatch": flow.queue.extend,
        "erp_rests": lambda: False,
        "observe": flow.services.metrics.reconcile_found,
        **{name: value for name, value in changes.items() if name not in limits},
    }
    limits |= {name: value for name, value in changes.items() if name in limits}
    return reconcile(STORE, limits=ReconcileLimits(**limits), **options)


def later(flow: Flow, seconds: float = A_WHILE, **changes: Any) -> Reconciled:
    """Advance the time, run once, and do the work that it asks for."""
    flow.clock.advance(seconds)
    done = reconciled(flow, **changes)
    flow.drain()
    return done


def journalled(flow: Flow, order_id: str, what: str = "reconcile.found") -> list[str]:
    """The notes of an order's findings."""
    entries = flow.services.ledger.inquiries.story(STORE, order_id)[2]
    return [entry["note"] for entry in entries if entry["what"] == what]
