"""The whole road with ledger and staging tables behind PgBouncer in transaction mode."""

from __future__ import annotations

from collections.abc import Callable

from support.flow import STORE, Flow
from support.pgbouncer import PgBouncer


def test_orders_and_commands_go_their_way_behind_a_pooler(
    make_flow: Callable[..., Flow],
    pgbouncer: PgBouncer,
    postgres_ledger: str,
    postgres_database: str,
) -> None:
    flow = make_flow(
        ledger_url=pgbouncer.url(postgres_ledger),
        erp_options={"url": pgbouncer.url(postgres_database)},
    )
    order_ids = flow.in_handling(10)
    for order_id in order_ids:
        flow.services.erp(STORE).pull(None)
        flow.ask("note", order_id, {"message": "packed"})
    flow.erp_writes(
        "INSERT INTO erp_commands (account, order_id, kind, reason) "
        "SELECT account, order_id, 'cancel', 'none left' FROM erp_orders"
    )

    flow.settle(rounds=10)

    assert set(flow.in_erp()) == set(order_ids)
    assert set(flow.erp_reads("SELECT state FROM erp_commands")) == {("done",)}
