"""Rules of the ERP's own, on its tables: they refuse their orders and stop no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.erp_rules import TRIGGERS
from support.flow import STORE, Flow

from orders_sync.traffic.traffic import Traffic


@pytest.fixture
def erp_flow(make_flow: Callable[..., Flow], traffic: Traffic, erp_url: str) -> Flow:
    """A flow whose ERP is on each kind of database, behind its breaker."""
    return make_flow(traffic=traffic, erp_options={"url": erp_url})


def test_orders_that_a_rule_refuses_are_parked_and_the_good_ones_are_placed_at_once(
    erp_flow: Flow, erp_database: str
) -> None:
    flow = erp_flow
    order_ids = flow.box.create_orders(60)
    good = set(order_ids[::4])
    names = ", ".join(f"'{order_id}'" for order_id in order_ids if order_id not in good)
    for statement in TRIGGERS[erp_database](
        "erp_orders", "INSERT", f"NEW.order_id IN ({names})", "cliente sem cadastro"
    ):
        flow.erp_writes(statement)

    for _ in range(10):
        flow.poll()
        flow.drain()

    assert set(flow.in_erp()) == good
    parked = [flow.order(order_id) for order_id in order_ids if order_id not in good]
    assert {(order["standing"], order["cause"]) for order in parked} == {("parked", "erp.refused")}
    assert all("cliente sem cadastro" in order["reason"] for order in parked)
    assert flow.services.erp_rests(STORE) is None
