"""Commands of one order that conflict: each in its place, whatever the one before it meets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from support.flow import STORE, Flow

from orders_sync.ledger.processes import SILENT_FOR

Trouble = Callable[[Flow], Callable[[], None]]


def values(flow: Flow, order_id: str) -> dict[str, int]:
    return {package.number: package.value for package in flow.box.order(order_id).packages}


def a_piece(flow: Flow, order_id: str) -> dict[str, Any]:
    """The first of two invoices: one piece of the order, for a price of its own."""
    line = flow.box.order(order_id).lines[0]
    return {
        "number": "1",
        "value_cents": 100,
        "items": [{"line_id": line.line_id, "quantity": 1}],
    }


def with_two_lines(flow: Flow) -> str:
    return next(order for order in flow.in_handling(10) if len(flow.box.order(order).lines) > 1)


def used_up_budget(flow: Flow) -> Callable[[], None]:
    assert flow.services.traffic is not None
    flow.services.traffic.limiter.hold(STORE, 60)
    return lambda: None


def lost_answer(flow: Flow) -> Callable[[], None]:
    flow.box.dials.visible_after_seconds = 20
    flow.cut_answers_to("POST")
    return lambda: flow.cut_answers_to(None)


def outage(flow: Flow) -> Callable[[], None]:
    flow.box.dials.unavailable = 1.0
    return lambda: setattr(flow.box.dials, "unavailable", 0.0)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(used_up_budget, id="a used-up budget"),
        pytest.param(lost_answer, id="a lost answer"),
        pytest.param(outage, id="an outage"),
    ],
)
def test_the_rest_is_what_the_invoice_before_it_leaves_whatever_that_one_meets(
    guarded_flow: Flow, trouble: Trouble
) -> None:
    flow = guarded_flow
    order_id = with_two_lines(flow)

    end = trouble(flow)
    first = flow.ask("invoice", order_id, a_piece(flow, order_id))
    rest = flow.ask("invoice", order_id, {"number": "2"})
    flow.drain()
    behind = flow.command(rest)
    end()
    flow.settle(rounds=20)

    whole = flow.box.order(order_id).value
    assert (behind["cause"], behind["due_at"]) == ("line.behind", None)
    assert values(flow, order_id) == {"1": 100, "2": whole - 100}
    assert [flow.command(command)["outcome"] for command in (first, rest)] == ["done", "done"]
    assert set(flow.box.order(order_id).invoice_effects.values()) == {1}


def test_the_rest_is_not_sent_while_a_person_decides_about_the_invoice_before_it(
    flow: Flow,
) -> None:
    order_id = with_two_lines(flow)
    flow.box.dials.unavailable = 1.0
    first = flow.ask("invoice", order_id, a_piece(flow, order_id))
    rest = flow.ask("invoice", order_id, {"number": "2"})
    flow.settle(rounds=60, seconds=3600)
    flow.box.dials.unavailable = 0.0
    flow.settle(rounds=20, seconds=3600)

    assert flow.command(first)["standing"] == "parked"
    assert flow.command(rest)["cause"] == "line.held"
    assert values(flow, order_id) == {}


def test_a_correction_of_tracking_is_sent_after_what_it_corrects(guarded_flow: Flow) -> None:
    flow = guarded_flow
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=2)

    end = outage(flow)
    wrong = flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "WRONG"})
    flow.drain()
    flow.clock.advance(1)
    right = flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "RIGHT"})
    flow.drain()
    end()
    flow.settle(rounds=20)

    [package] = flow.box.order(order_id).packages
    assert [flow.command(command)["outcome"] for command in (wrong, right)] == ["done", "done"]
    assert package.tracking_number == "RIGHT"


def test_tracking_of_one_invoice_does_not_wait_behind_that_of_another(flow: Flow) -> None:
    order_id = with_two_lines(flow)
    flow.ask("invoice", order_id, a_piece(flow, order_id))
    flow.settle(rounds=2)

    early = flow.ask("track", order_id, {"invoice_number": "2", "tracking_number": "BR2"})
    other = flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "BR1"})
    flow.settle(rounds=2)

    assert flow.command(early)["standing"] == "waiting"
    assert flow.command(other)["outcome"] == "done"


def test_a_cancellation_waits_for_an_invoice_whose_answer_was_lost(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    invoice = flow.ask("invoice", order_id, {"number": "1"})
    end = lost_answer(flow)
    flow.drain()
    end()

    cancel = flow.ask("cancel", order_id, {"reason": "out of stock"})
    flow.drain()
    behind = flow.command(cancel)
    flow.settle(rounds=20)

    assert behind["cause"] == "line.behind"
    assert flow.command(invoice)["outcome"] == "done"
    assert flow.command(cancel)["cause"] == "cancel.invoiced"
    assert flow.calls(order_id, "cancel_order") == []
    assert flow.box.order(order_id).status == "invoiced"


def test_a_cancellation_passes_an_invoice_that_was_not_sent(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    invoice = flow.ask("invoice", order_id, {"number": "1"})
    flow.queue.clear()

    cancel = flow.ask("cancel", order_id, {"reason": "out of stock"})
    flow.settle(rounds=20)

    assert flow.box.order(order_id).status == "canceled"
    assert flow.command(cancel)["outcome"] == "done"
    assert flow.command(invoice)["cause"] == "invoice.order_cancelled"


def test_a_step_that_waits_a_moment_is_not_sent_at_once(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.cancel_seconds = 10
    command = flow.ask("cancel", order_id, {"reason": "out of stock"})

    flow.run(flow.queue.popleft())

    assert not flow.queue
    assert flow.command(command)["due_at"] == flow.clock() + timedelta(seconds=2)
    flow.clock.advance(2)
    assert flow.dispatch_due() == 1


def test_what_a_killed_worker_had_goes_on_when_it_is_buried_and_not_after_its_lease(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    processes, orders = flow.services.ledger.processes, flow.services.ledger.orders
    processes.seen("killed", node="w@x", queues=["orders"], threads=1, now=flow.clock())
    flow.poll()
    read = flow.queue.popleft()
    claim = orders.claim(STORE, order_id, read.step, owner="killed", now=flow.clock())
    assert claim is not None

    flow.clock.advance(SILENT_FOR.total_seconds())
    early = flow.dispatch_due()
    dead = processes.bury(now=flow.clock())
    flow.dispatch_due()
    flow.drain()

    assert (early, dead) == (0, ["killed"])
    assert flow.clock() < claim.lease_until
    assert flow.in_erp() == {order_id: "new"}
    assert flow.standing(order_id) == "done"


def test_what_a_killed_worker_was_sending_waits_until_it_cannot_be_on_the_wire(
    flow: Flow,
) -> None:
    [order_id] = flow.in_handling()
    processes, commands = flow.services.ledger.processes, flow.services.ledger.commands
    processes.seen("killed", node="w@x", queues=["invoice"], threads=1, now=flow.clock())
    command = flow.ask("invoice", order_id, {"number": "1"})
    claim = commands.claim(flow.queue.popleft(), owner="killed", now=flow.clock())
    assert claim is not None
    on_the_wire_until = flow.clock() + timedelta(seconds=40)
    intent = '{"kind": "invoice", "at": "2026-11-27T12:00:00+00:00", "number": "1"}'
    commands.intend(claim, intent, now=flow.clock(), write_until=on_the_wire_until)

    flow.clock.advance(SILENT_FOR.total_seconds())
    assert processes.bury(now=flow.clock()) == ["killed"]
    early = flow.dispatch_due()
    flow.clock.now = on_the_wire_until
    late = flow.dispatch_due()

    assert (early, late) == (0, 1)
    flow.settle(rounds=5)
    assert flow.command(command)["outcome"] == "done"


def test_the_order_of_a_hand_over_that_was_overtaken_is_read_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.run(flow.queue.popleft())
    hand_over = flow.queue.popleft()
    reads = len(flow.calls(order_id, "get_order"))
    erp = flow.services.erp(STORE)
    place = erp.place_order

    def held_up(*args: Any) -> Any:
        """The order is placed, long after another worker could take it over, and did."""
        flow.clock.advance(flow.settings.lease_seconds)
        again = flow.services.ledger.orders.claim(
            STORE, order_id, hand_over.step, owner="another", now=flow.clock()
        )
        assert again is not None
        flow.clock.advance(flow.settings.lease_seconds)
        return place(*args)

    monkeypatch.setattr(erp, "place_order", held_up)
    flow.run(hand_over)
    monkeypatch.undo()

    assert [dispatch.step for dispatch in flow.queue] == ["orders.fetch"]
    flow.settle(rounds=3)
    assert len(flow.calls(order_id, "get_order")) > reads
    assert flow.standing(order_id) == "done"
    assert flow.in_erp() == {order_id: "new"}
