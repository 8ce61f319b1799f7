from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.flow import STORE, Flow
from support.reconciling import A_WHILE, HOURS, journalled, later, reconciled

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandClaim, CommandResult, Dispatch
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger.cursors import Cursors, Leases
from orders_sync.ledger.tables import orders
from orders_sync.vtex.orders import OrderPage

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def lost_invoice(flow: Flow, order_id: str) -> str:
    """An invoice that VTEX took and lost."""
    command_id = flow.ask("invoice", order_id, {"number": "7"})
    value = flow.box.order(order_id).value
    done = CommandResult(Standing.DONE, "done", progress="done", receipt="R", value_cents=value)

    def pretend(claim: CommandClaim, services: Any) -> CommandResult:
        assert (claim.command_id, services) == (command_id, flow.services)
        return done

    flow.run_command(flow.queue.popleft(), pretend)
    return command_id


def test_an_order_that_the_feed_never_told_of_is_taken_up(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)

    done = later(flow)

    assert done.found == {"ready.unknown": 1}
    assert flow.box.order(order_id).status == "handling"
    assert flow.in_erp() == {order_id: "new"}
    assert journalled(flow, order_id) == [
        "ready.unknown: ready-for-handling in VTEX's list, unknown here"
    ]


def test_what_agrees_is_left_alone(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    before = flow.calls(order_id)

    done = later(flow)

    assert (done.rows, done.found, done.parked) == (1, {}, {})
    assert flow.calls(order_id) == before


def test_handling_is_started_again_where_vtex_did_not_do_it(flow: Flow) -> None:
    flow.box.dials.hollow_success = 1
    [order_id] = flow.in_handling()
    flow.box.dials.hollow_success = 0

    done = later(flow)

    assert done.found == {"handling.missing": 1}
    assert flow.box.order(order_id).status == "handling"
    assert flow.standing(order_id) == "done"


def test_what_reading_does_not_mend_is_parked_with_a_hint(flow: Flow) -> None:
    flow.box.dials.hollow_success = 1
    [order_id] = flow.in_handling()
    later(flow)

    done = later(flow, 7 * HOURS)

    order = flow.order(order_id)
    assert (done.found, done.parked) == ({}, {"handling.missing": 1})
    assert (order["standing"], order["cause"]) == ("parked", "vtex.not_handling")
    assert "Admin" in order["hint"]


def test_a_parked_order_is_read_again_when_vtex_has_moved_on(flow: Flow) -> None:
    flow.box.dials.hollow_success = 1
    [order_id] = flow.in_handling()
    later(flow)
    later(flow, 7 * HOURS)
    flow.box.handle_in_admin(order_id)

    done = later(flow)

    assert done.found == {"moved_on": 1}
    assert flow.standing(order_id) == "done"


def test_an_invoice_that_vtex_lost_is_sent_again(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command_id = lost_invoice(flow, order_id)

    done = later(flow, 2 * HOURS)

    assert done.found == {"invoice.missing": 1}
    assert flow.box.order(order_id).status == "invoiced"
    assert flow.command(command_id)["standing"] == "done"
    assert len(flow.calls(order_id, "invoice")) == 1


def test_an_invoice_that_only_the_list_does_not_know_is_not_sent_again(flow: Flow) -> None:
    flow.box.dials.index_lag_seconds = 5 * HOURS
    [order_id] = flow.in_handling()
    flow.clock.advance(HOURS)
    command_id = flow.ask("invoice", order_id, {"number": "7"})
    flow.drain()

    done = later(flow, 4.5 * HOURS)

    assert done.found == {"invoice.missing": 1}
    assert flow.command(command_id)["standing"] == "done"
    assert len(flow.calls(order_id, "invoice")) == 1


def test_a_cancellation_that_nobody_told_of_reaches_the_erp(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.cancel(order_id)

    done = later(flow)

    assert done.found == {"cancelled.in_vtex": 1}
    assert flow.in_erp() == {order_id: "cancelled"}
    assert flow.standing(order_id) == "void"


def test_an_order_that_vtex_is_stuck_with_is_parked_with_the_known_issue(flow: Flow) -> None:
    flow.box.dials.handling_seconds = 60 * HOURS
    [order_id] = flow.in_handling()

    suspected = later(flow, 30 * HOURS)
    sure = later(flow)

    order = flow.order(order_id)
    assert (suspected.found, suspected.parked) == ({"stuck": 1}, {})
    assert (sure.found, sure.parked) == ({}, {"stuck": 1})
    assert (order["standing"], order["cause"]) == ("parked", "vtex.stuck")
    assert "1218606" in order["hint"]
    assert "start-handling in VTEX since" in order["reason"]


def test_a_stuck_order_goes_on_once_vtex_does(flow: Flow) -> None:
    flow.box.dials.handling_seconds = 60 * HOURS
    [order_id] = flow.in_handling()
    later(flow, 30 * HOURS)
    later(flow)

    done = later(flow, 40 * HOURS)

    assert done.found == {"moved_on": 1}
    assert flow.standing(order_id) == "done"


def test_an_order_that_waits_for_its_other_invoices_is_not_stuck(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "7", "value_cents": 1})
    flow.drain()

    found = [later(flow, 30 * HOURS), later(flow)]

    assert [(each.found, each.parked) for each in found] == [({}, {})] * 2


def test_a_person_who_discarded_an_order_is_not_overruled(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    later(flow)
    _set(flow, order_id, standing="void", cause="order.discarded")

    assert later(flow).found == {}


def _set(flow: Flow, order_id: str, **values: Any) -> None:
    with flow.services.ledger.database.writing() as connection:
        connection.execute(orders.update().where(orders.c.order_id == order_id).values(**values))


def test_a_run_takes_no_more_than_it_may_and_the_next_goes_on(flow: Flow) -> None:
    order_ids = flow.box.create_orders(5)

    found = [later(flow, reads=2).found["ready.unknown"] for _ in range(3)]

    assert found == [2, 2, 1]
    assert set(flow.in_erp()) == set(order_ids)


def test_a_run_reads_no_more_pages_than_it_may_and_the_next_goes_on(flow: Flow) -> None:
    for _ in range(60):
        flow.box.create_orders(5)
        flow.clock.advance(A_WHILE)

    pages: list[int] = []
    while len(flow.queue) < 300 and len(pages) < 20:
        before = pages_read(flow)
        reconciled(flow, pages=2, reads=1000)
        pages.append(pages_read(flow) - before)

    assert len({each.order_id for each in flow.queue}) == 300
    assert max(pages) == 2 + 2


def pages_read(flow: Flow) -> int:
    return len([call for call in flow.box.calls() if call.call == "list_orders"])


def test_nothing_is_asked_while_enough_is_in_flight(flow: Flow) -> None:
    flow.box.create_orders(3)
    flow.poll()
    flow.clock.advance(A_WHILE)

    done = reconciled(flow, in_flight=3)

    assert done.rows == 0
    assert pages_read(flow) == 0


def test_nothing_is_asked_while_the_erp_rests(flow: Flow) -> None:
    flow.box.create_orders(3)
    flow.clock.advance(A_WHILE)

    done = reconciled(flow, erp_rests=lambda: True)

    assert (done.rows, pages_read(flow)) == (0, 0)


def test_no_more_is_taken_than_may_be_in_flight(flow: Flow) -> None:
    flow.box.create_orders(5)
    flow.clock.advance(A_WHILE)

    reconciled(flow, in_flight=3)

    assert len(flow.queue) == 3


class _Killed(Exception):
    """Stands for the end of the process."""


def test_a_run_that_is_killed_before_it_dispatches_loses_nothing(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.clock.advance(A_WHILE)

    def die(following: Sequence[Dispatch]) -> None:
        if following:
            raise _Killed

    with pytest.raises(_Killed):
        reconciled(flow, dispatch=die)
    flow.clock.advance(A_WHILE)
    flow.dispatch_due()
    flow.drain()

    assert flow.in_erp() == {order_id: "new"}
    assert later(flow).found == {}


def test_a_run_that_is_killed_before_it_notes_where_it_is_begins_there_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_ids = flow.box.create_orders(60)
    flow.clock.advance(86_400)
    order_ids += flow.box.create_orders(60)
    flow.clock.advance(A_WHILE)
    move = Cursors.move

    def die_once_something_was_found(*given: Any, **named: Any) -> None:
        if flow.queue:
            raise _Killed
        move(*given, **named)

    monkeypatch.setattr(Cursors, "move", die_once_something_was_found)
    with pytest.raises(_Killed):
        reconciled(flow)
    monkeypatch.undo()
    assert len(flow.queue) == 60
    flow.drain()
    while later(flow).found:
        pass

    assert set(flow.in_erp()) == set(order_ids)
    assert {len(flow.calls(each, "start_handling")) for each in order_ids} == {1}


def test_a_run_that_could_not_give_back_its_lease_keeps_others_away_for_a_minute_only(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.clock.advance(A_WHILE)

    def lose(*_: Any) -> None:
        raise LedgerUnavailable("the ledger does not answer")

    monkeypatch.setattr(Cursors, "move", lose)
    monkeypatch.setattr(Leases, "_release", lose)
    with pytest.raises(LedgerUnavailable):
        reconciled(flow)
    monkeypatch.undo()
    while_it_is_held = pages_read(flow)
    reconciled(flow)
    assert pages_read(flow) == while_it_is_held
    flow.clock.advance(61)
    later(flow)

    assert flow.in_erp() == {order_id: "new"}


def test_a_run_that_takes_long_keeps_its_lease_from_slice_to_slice(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.box.create_orders(20)
    flow.clock.advance(A_WHILE)
    vtex = flow.services.vtex(STORE)
    list_orders = vtex.list_orders
    was_left_alone = []

    def take_most_of_a_lease(*given: Any, **named: Any) -> OrderPage:
        flow.clock.advance(45)
        before = pages_read(flow)
        reconciled(flow)
        was_left_alone.append(pages_read(flow) == before)
        return list_orders(*given, **named)

    monkeypatch.setattr(vtex, "list_orders", take_most_of_a_lease)
    done = reconciled(flow)

    assert done.rows == 40
    assert was_left_alone == [True, True]


def test_the_ledger_has_no_order_twice_when_feed_and_list_tell_of_it(
    make_flow: Callable[..., Flow],
) -> None:
    flow = make_flow()
    [order_id] = flow.box.create_orders(1)
    flow.clock.advance(A_WHILE)

    reconciled(flow)
    flow.poll()
    flow.drain()
    flow.settle(rounds=3)

    assert flow.calls(order_id, "start_handling") == ["start_handling"]
    assert flow.services.ledger.inquiries.accounts_of(order_id) == [STORE]
