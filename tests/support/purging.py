"""Finished orders, and the purge of them, inside one process."""

from __future__ import annotations

from datetime import timedelta

from support.flow import Flow

from orders_sync.ledger.retention import Erased
from orders_sync.upkeep.purge import purge

DAY = 86_400.0
NOTE = {"message": "Ana Souza called"}


def purged(flow: Flow, days: int | None = 90) -> Erased:
    return purge(
        owner="purger",
        ledger=flow.services.ledger,
        clock=flow.clock,
        retention=None if days is None else timedelta(days=days),
    )


def fulfilled(flow: Flow) -> tuple[str, str, str]:
    """An order that was invoiced and noted; gives its id and its commands'."""
    [order_id] = flow.in_handling()
    invoice = flow.ask("invoice", order_id, {"number": "7", "access_key": "secret"})
    note = flow.ask("note", order_id, NOTE)
    flow.drain()
    return order_id, invoice, note
