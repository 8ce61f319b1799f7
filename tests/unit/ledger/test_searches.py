"""What people look for in the ledger, and what a discarded order leaves behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.office import ORDER, STORE, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order
from support.turns import leave_poll

from orders_sync.backoffice.order_report import CommandStatus
from orders_sync.backoffice.parked import ParkedEnd, parked_page
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore, LastRun
from orders_sync.ledger.clock import server_time
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.searches import (
    OrderSearch,
)
from orders_sync.testing.clock import SettableClock


def test_a_search_gives_some_and_counts_all(ledger: Ledger, office: Office) -> None:
    for number in range(3):
        parked_order(office, f"{number}-01")
        office.clock.advance(1)

    rows, total = ledger.searches.search_orders(OrderSearch(cause=ORDER_CAUSE), limit=2)

    assert [row["order_id"] for row in rows] == ["2-01", "1-01"]
    assert total == 3


def test_a_search_may_go_by_age(ledger: Ledger, office: Office) -> None:
    parked_order(office, "old-01")
    office.clock.advance(60)
    parked_order(office, "new-01")

    search = OrderSearch(account=STORE, standing=Standing.PARKED, heard_before=office.clock())
    rows, _ = ledger.searches.search_orders(search, limit=10)

    assert [row["order_id"] for row in rows] == ["old-01"]


def test_pages_of_what_was_parked_at_one_instant_leave_nothing_out(
    ledger: Ledger, office: Office
) -> None:
    order_ids = ["_a-01", "B-01", "MNG-é:1", "mng-2"]
    invoices = [parked_invoice(office, f"{number}") for number in range(4)]
    for order_id in order_ids:
        parked_order(office, order_id)

    seen: list[str] = []
    end: ParkedEnd | None = ParkedEnd()
    while end is not None:
        page = parked_page(ledger, STORE, None, limit=1, after=end)
        seen += [row.id if isinstance(row, CommandStatus) else row.order_id for row in page.rows]
        end = page.end

    assert sorted(seen) == sorted([*order_ids, *invoices])


def test_what_is_parked_is_counted_and_named(ledger: Ledger, office: Office) -> None:
    command_id = parked_invoice(office)
    parked_order(office, ORDER)

    everything = ledger.searches.parked_counts()
    elsewhere = ledger.searches.parked_counts("other")

    assert everything == {CAUSE: 1, ORDER_CAUSE: 1}
    assert elsewhere == {}
    assert list(ledger.searches.parked_ids(command_id[:5], limit=5)) == [command_id]
    assert list(ledger.searches.parked_ids("_", limit=5)) == []


def test_the_orders_of_a_purchase_are_found_by_its_number(ledger: Ledger, office: Office) -> None:
    parked_order(office, "77-01")
    parked_order(office, "77-02")
    parked_order(office, "777-01")

    found = ledger.inquiries.suborders(["other", STORE], "77")

    assert list(found) == [(STORE, "77-01"), (STORE, "77-02")]
    assert ledger.inquiries.knows_account(STORE)
    assert not ledger.inquiries.knows_account("other")


def test_a_chore_tells_when_it_ran_last(ledger: Ledger, clock: SettableClock) -> None:
    leave_poll(ledger, STORE, at=clock(), due_in=9)

    last_run = LastRun(clock(), None, clock(), clock() + timedelta(seconds=9))
    assert ledger.accounts.last_runs(Chore.POLL) == {STORE: last_run}
    assert ledger.accounts.last_runs(Chore.ACKNOWLEDGE) == {}


def test_only_a_server_has_a_clock_of_its_own(ledger: Ledger) -> None:
    found = server_time(ledger.database)

    is_server = ledger.database.engine.dialect.name != "sqlite"
    assert (found is not None and found.tzinfo is not None) == is_server


def test_who_discarded_an_order_is_kept(ledger: Ledger, office: Office) -> None:
    parked_order(office, ORDER)

    ledger.decisions.discard_order(STORE, ORDER, office.act)

    [act] = ledger.inquiries.acts(STORE, ORDER)
    order = ledger.inquiries.story(STORE, ORDER)[0]
    assert (act["did"], act["who"], act["why"]) == ("parked discard", "ana", "she knows")
    assert order is not None
    assert (order["standing"], order["cause"]) == ("void", "order.discarded")


def test_a_discarded_order_is_taken_up_by_its_next_read(ledger: Ledger, office: Office) -> None:
    parked_order(office, ORDER)
    ledger.decisions.discard_order(STORE, ORDER, office.act)

    following = ledger.orders.look_again(STORE, ORDER, now=office.clock())

    assert following == [Dispatch(STORE, ORDER, Step.FETCH)]
    with pytest.raises(DecisionRefused, match="is not parked: it is active"):
        ledger.decisions.retry_order(STORE, ORDER, office.act)
