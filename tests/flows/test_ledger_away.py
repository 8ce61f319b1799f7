"""A ledger that goes away in the middle of a step: the step is done again once it is back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from support.flow import Flow
from support.postgres import PostgresServer

from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.processes import UNRECORDED_REST

pytestmark = pytest.mark.parametrize("both_on", ["postgresql"], indirect=True)


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    # The fixture that all tests of flows share names no database of its own.
    return make_flow()


def free_unrecorded(flow: Flow) -> int:
    """Do what the next heartbeat does, and let the rest that follows pass."""
    ledger = flow.services.ledger
    freed = ledger.processes.free_unrecorded("worker", now=flow.clock())
    flow.clock.advance(UNRECORDED_REST.total_seconds())
    return freed


def run_without_a_ledger_from(flow: Flow, postgres: PostgresServer, method: str) -> None:
    """Run what is queued; the ledger goes away right before the first call of this method."""
    with ExitStack() as stack:
        flow.just_before[method] = lambda: stack.enter_context(postgres.stopped())
        flow.drain()
        with pytest.raises(LedgerUnavailable):
            free_unrecorded(flow)


def test_an_order_goes_on_soon_after_the_ledger_is_back(
    flow: Flow, postgres: PostgresServer
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    run_without_a_ledger_from(flow, postgres, "POST")
    before = flow.dispatch_due()

    freed = free_unrecorded(flow)
    flow.dispatch_due()
    flow.drain()

    assert (before, freed) == (0, 1)
    assert flow.standing(order_id) == "done"
    assert flow.box.order(order_id).start_handling_effects == 1


def test_an_invoice_that_was_sent_meanwhile_is_looked_for_and_not_sent_again(
    flow: Flow, postgres: PostgresServer
) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask("invoice", order_id, {"number": "1"})
    run_without_a_ledger_from(flow, postgres, "POST")

    freed = free_unrecorded(flow)
    flow.settle(rounds=4)

    assert freed == 1
    assert flow.command(command_id)["outcome"] == "done"
    assert flow.box.order(order_id).invoice_effects == {"1": 1}
