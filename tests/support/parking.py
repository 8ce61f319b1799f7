"""Parked commands and orders, as workers leave them."""

from __future__ import annotations

from support.office import STORE, Office

from orders_sync.domain.steps import Step

CAUSE = "invoice.over_invoiced"
ORDER_CAUSE = "erp.item_unmapped"


def parked_invoice(office: Office, number: str = "7") -> str:
    command_id = office.ask("invoice", {"number": number, "value_cents": 999}, f"erp-{number}")
    office.park(command_id, CAUSE)
    return command_id


def parked_order(office: Office, order_id: str) -> None:
    orders = office.ledger.orders
    orders.look_again(STORE, order_id, now=office.clock())
    claim = orders.claim(STORE, order_id, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    orders.park(
        claim,
        office.entry,
        cause=ORDER_CAUSE,
        reason="no product",
        hint="map it",
        now=office.clock(),
    )
