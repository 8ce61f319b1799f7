"""What people decide about parked commands, carried out against the sandbox."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.flow import STORE, Flow

from orders_sync.backoffice.parked import Parked, retry
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.journal import Act
from orders_sync.ledger.tables import orders
from orders_sync.outbound import decide


def act(flow: Flow) -> Act:
    return Act(flow.clock(), "ana", "as the customer wished")


def parked_invoice(flow: Flow, order_id: str) -> str:
    """An invoice of one cent too much."""
    value = flow.box.order(order_id).value
    command_id = flow.ask("invoice", order_id, {"number": "7", "value_cents": value + 1}, "erp-1")
    flow.drain()
    assert flow.command(command_id)["cause"] == "invoice.over_invoiced"
    return command_id


def test_an_edited_invoice_takes_effect_once(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command_id = parked_invoice(flow, order_id)

    following = decide.edit(
        command_id,
        {"number": "8"},
        order_id=None,
        key=None,
        ledger=flow.services.ledger,
        max_bytes=10_000,
        act=act(flow),
    )
    flow.queue += [*following, *following]
    flow.drain()

    view = flow.box.order(order_id)
    assert flow.command(command_id)["outcome"] == "done"
    assert view.invoice_effects == {"8": 1}
    assert view.invoices_total == view.value


def test_a_retry_reads_the_world_again(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    value = flow.box.order(order_id).value
    command_id = parked_invoice(flow, order_id)
    flow.ask("change", order_id, {"reason": "wrapping paper", "manual_increment_cents": 1}, "erp-2")
    flow.settle(10, seconds=5)

    flow.queue += decide.retry(command_id, ledger=flow.services.ledger, act=act(flow))
    flow.settle(10, seconds=5)

    assert flow.command(command_id)["outcome"] == "done"
    assert flow.box.order(order_id).invoices_total == value + 1


def test_a_retry_after_a_long_time_may_wait_again(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask("track", order_id, {"invoice_number": "7", "tracking_number": "BR1"})
    flow.drain()
    flow.clock.advance(30 * 24 * 3600)
    flow.dispatch_due()
    flow.drain()
    assert flow.command(command_id)["cause"] == "command.waited_too_long"

    flow.queue += decide.retry(command_id, ledger=flow.services.ledger, act=act(flow))
    flow.drain()
    waits = flow.command(command_id)["standing"]
    flow.ask("invoice", order_id, {"number": "7"})
    flow.settle(20, seconds=60)

    assert waits == "waiting"
    assert flow.command(command_id)["outcome"] == "done"
    [package] = flow.box.order(order_id).packages
    assert package.tracking_number == "BR1"


def test_a_command_of_another_source_closes_what_was_parked(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command_id = parked_invoice(flow, order_id)

    flow.ask("invoice", order_id, {"number": "7"}, "by hand", source="cli")
    flow.drain()

    row = flow.command(command_id)
    assert (row["standing"], row["cause"]) == ("done", "command.closed")
    assert flow.services.ledger.searches.parked_counts() == {}
    assert flow.services.ledger.inquiries.acts(STORE, order_id) == []


def test_an_order_is_retried_with_its_line_in_the_operators_log_or_not_at_all(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    ledger, parked = flow.services.ledger, Parked(STORE, order_id)
    with ledger.database.writing() as connection:
        connection.execute(sa.update(orders).values(standing="parked", cause="erp.refused"))

    def crash(_: sa.Connection) -> None:
        raise RuntimeError

    sa.event.listen(ledger.database.engine, "commit", crash)
    with pytest.raises(RuntimeError):
        retry(ledger, parked, act(flow), put_back=lambda *_: None)
    sa.event.remove(ledger.database.engine, "commit", crash)
    before = ledger.inquiries.acts(STORE, order_id), flow.order(order_id)["standing"]
    retry(ledger, parked, act(flow), put_back=lambda *_: None)

    assert before == ([], "parked")
    assert [kept["did"] for kept in ledger.inquiries.acts(STORE, order_id)] == ["parked retry"]
    assert flow.order(order_id)["next_step"] == "orders.fetch"
    with pytest.raises(DecisionRefused, match="is not parked"):
        retry(ledger, parked, act(flow), put_back=lambda *_: None)
