"""A ledger that goes away in the middle of something: it is done again soon after its return."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest
from support.flow import Flow
from support.postgres import PostgresServer

from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.accounts import Chore

pytestmark = pytest.mark.parametrize("both_on", ["postgresql"], indirect=True)

_REST_SECONDS = 5

LoseLedger = Callable[..., int]


@pytest.fixture
def flow(make_flow: Callable[..., Flow]) -> Flow:
    """A flow on the database of this file, which the fixture that is shared does not see."""
    return make_flow()


@pytest.fixture
def lose_ledger(flow: Flow, postgres: PostgresServer) -> LoseLedger:
    """Do something, with the ledger away from the next call of a method on.

    Return how many writes were made up for once it was back, after so many seconds.
    """

    def lose(method: str, act: Callable[[], object], seconds: float = 0.0) -> int:
        postponed = flow.services.ledger.postponed
        with ExitStack() as stack:
            flow.just_before[method] = lambda: stack.enter_context(postgres.stopped())
            with suppress(LedgerUnavailable):
                act()
            with pytest.raises(LedgerUnavailable):
                postponed.repeat()
        flow.clock.advance(seconds)
        return postponed.repeat()

    return lose


def test_an_order_goes_on_soon_after_the_ledger_is_back(
    flow: Flow, lose_ledger: LoseLedger
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()

    made_up_for = lose_ledger("POST", flow.drain)
    early = flow.dispatch_due()
    flow.clock.advance(_REST_SECONDS)
    flow.dispatch_due()
    flow.drain()

    assert (made_up_for, early) == (1, 0)
    assert flow.standing(order_id) == "done"
    assert flow.box.order(order_id).start_handling_effects == 1


def test_an_invoice_that_was_sent_meanwhile_is_looked_for_and_not_sent_again(
    flow: Flow, lose_ledger: LoseLedger
) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask("invoice", order_id, {"number": "1"})

    lose_ledger("POST", flow.drain)
    flow.settle(rounds=4)

    assert flow.command(command_id)["outcome"] == "done"
    assert flow.box.order(order_id).invoice_effects == {"1": 1}


def test_events_that_were_read_are_recorded_long_before_vtex_tells_them_again(
    flow: Flow, lose_ledger: LoseLedger
) -> None:
    order_ids = flow.box.create_orders(10)

    made_up_for = lose_ledger("GET", flow.poll)
    flow.clock.advance(_REST_SECONDS)
    flow.dispatch_due()
    flow.drain()

    assert made_up_for == 2  # The events, and that the poll is over.
    assert {flow.standing(order_id) for order_id in order_ids} == {"done"}
    assert flow.due(Chore.ACKNOWLEDGE)
    assert flow.acknowledge() == len(order_ids)


def test_events_that_vtex_tells_again_by_then_are_left_to_that(
    flow: Flow, lose_ledger: LoseLedger
) -> None:
    [order_id] = flow.box.create_orders(1)
    hidden_seconds = flow.settings.feed.visibility_seconds

    lose_ledger("GET", flow.poll, seconds=hidden_seconds)
    unknown = flow.services.ledger.inquiries.accounts_of(order_id)
    flow.poll()
    flow.drain()

    assert unknown == []
    assert flow.standing(order_id) == "done"
    assert flow.acknowledge() == 1


def test_a_feed_is_polled_again_soon(flow: Flow, lose_ledger: LoseLedger) -> None:
    flow.box.create_orders(1)
    flow.poll()

    lose_ledger("GET", flow.poll)
    flow.clock.advance(_REST_SECONDS)

    assert flow.due(Chore.POLL)
