"""Invoices and tracking, from what was asked for to what VTEX shows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from support.flow import Flow

from orders_sync.sandbox import Dials

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def lines_of(flow: Flow, order_id: str) -> list[Any]:
    return list(flow.box.order(order_id).lines)


def test_an_invoice_without_a_value_is_of_the_whole_order(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    command = flow.ask("invoice", order_id, {"number": "NF 1001/2"})
    flow.drain()
    flow.settle(rounds=2)

    view = flow.box.order(order_id)
    assert view.status == "invoiced"
    assert [(p.number, p.value) for p in view.packages] == [("NF-1001-2", view.value)]
    assert flow.command(command)["outcome"] == "done"
    assert flow.command(command)["receipt"]


def test_an_invoice_takes_one_read_and_one_write(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    before = len(flow.calls(order_id))

    flow.ask("invoice", order_id, {"number": "1"})
    flow.drain()

    assert flow.calls(order_id)[before:] == ["get_order", "invoice"]


def test_partial_invoices_add_up_and_the_last_takes_the_rest(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    view = flow.box.order(order_id)
    first = view.lines[0]

    flow.ask(
        "invoice",
        order_id,
        {
            "number": "1",
            "items": [{"line_id": first.line_id, "quantity": 1}],
            "value_cents": view.value // 3,
        },
    )
    flow.settle(rounds=2)
    flow.ask("invoice", order_id, {"number": "2"})
    flow.settle(rounds=2)

    view = flow.box.order(order_id)
    assert view.status == "invoiced"
    assert [p.value for p in view.packages] == [view.value // 3, view.value - view.value // 3]


def test_a_sku_on_several_lines_stands_once_in_the_invoice(flow: Flow) -> None:
    orders = flow.in_handling(20)
    repeated = [
        order_id
        for order_id in orders
        if len({line.sku for line in lines_of(flow, order_id)}) < len(lines_of(flow, order_id))
    ]

    for number, order_id in enumerate(repeated):
        flow.ask("invoice", order_id, {"number": f"{number}"})
    flow.settle(rounds=3)

    assert repeated
    for order_id in repeated:
        [package] = flow.box.order(order_id).packages
        skus = [sku for sku, _ in package.items]
        assert len(skus) == len(set(skus))


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param({"number": "1", "value_cents": 10**9}, "invoice.over_invoiced", id="too much"),
        pytest.param(
            {"number": "1", "items": [{"sku": "nosuch", "quantity": 1}]},
            "invoice.item_unknown",
            id="an item of another order",
        ),
        pytest.param(
            {"number": "1", "items": [{"line_id": "?", "quantity": 10_000}]},
            "invoice.quantity_exceeded",
            id="more than was ordered",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_before_any_call(
    flow: Flow, body: dict[str, Any], cause: str
) -> None:
    [order_id] = flow.in_handling()
    line_id = lines_of(flow, order_id)[0].line_id
    text = json.dumps(body).replace('"?"', json.dumps(line_id))

    command = flow.ask("invoice", order_id, json.loads(text))
    flow.drain()

    row = flow.command(command)
    assert (row["standing"], row["outcome"], row["cause"]) == ("parked", "refused", cause)
    assert row["hint"]
    assert flow.calls(order_id, "invoice") == []


def test_an_invoice_of_an_invoiced_order_under_another_number_is_refused(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=2)

    command = flow.ask("invoice", order_id, {"number": "2"})
    flow.drain()

    assert flow.command(command)["cause"] == "invoice.over_invoiced"


def test_the_same_invoice_again_is_the_same_command(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    commands = {flow.ask("invoice", order_id, {"number": "1"}) for _ in range(3)}
    flow.settle(rounds=2)

    assert len(commands) == 1
    assert flow.calls(order_id, "invoice") == ["invoice"]


def test_the_same_number_with_other_content_is_refused_and_both_are_named(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    first = flow.ask("invoice", order_id, {"number": "1"})

    second = flow.ask("invoice", order_id, {"number": "1", "value_cents": 5})
    flow.settle(rounds=2)

    row = flow.command(second)
    assert (row["outcome"], row["cause"]) == ("refused", "command.key_conflict")
    assert first in row["reason"]
    assert f"invoice/{order_id}/1" in row["reason"]
    assert flow.calls(order_id, "invoice") == ["invoice"]


def test_an_invoice_for_an_order_not_yet_in_handling_waits_for_it(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)

    command = flow.ask("invoice", order_id, {"number": "1"})
    flow.drain()
    waiting = flow.command(command)
    flow.settle(rounds=5)

    assert (waiting["standing"], waiting["attempts"]) == ("waiting", 0)
    assert flow.box.order(order_id).status == "invoiced"


def test_after_a_lost_answer_the_invoice_is_looked_for_and_not_repeated(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command = flow.ask("invoice", order_id, {"number": "1"})

    flow.box.dials.drop_after = 1.0
    flow.drain()
    flow.box.dials.drop_after = 0.0
    flow.settle(rounds=5)

    assert flow.box.order(order_id).invoice_effects == {"1": 1}
    assert flow.calls(order_id, "invoice") in ([], ["invoice"])
    assert flow.command(command)["outcome"] == "done"


def test_an_invoice_whose_answer_was_lost_is_not_looked_for_before_vtex_shows_it(
    flow: Flow,
) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.visible_after_seconds = 29
    command = flow.ask("invoice", order_id, {"number": "1"})

    flow.cut_answers_to("POST")
    flow.drain()
    flow.cut_answers_to(None)
    flow.queue.clear()
    flow.clock.advance(29)
    flow.dispatch_due()
    flow.drain()
    looked_early = flow.command(command)["outcome"] != "accepted"
    flow.settle(rounds=5)

    assert not looked_early
    assert flow.calls(order_id, "invoice") == ["invoice"]
    assert flow.command(command)["outcome"] == "done"


def test_the_rest_waits_for_an_invoice_that_does_not_show_yet_and_not_longer(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.visible_after_seconds = 6
    flow.ask("invoice", order_id, {"number": "1", "value_cents": 100})
    flow.drain()

    rest = flow.ask("invoice", order_id, {"number": "2"})
    asked_at = flow.clock()
    flow.drain()
    waiting = flow.command(rest)
    flow.settle(rounds=3)

    assert waiting["cause"] == "order.not_ready"
    assert waiting["due_at"] - asked_at <= timedelta(seconds=30 * 1.25)
    packages = {package.number: package.value for package in flow.box.order(order_id).packages}
    assert packages == {"1": 100, "2": flow.box.order(order_id).value - 100}


def test_the_rest_waits_for_no_invoice_whose_pieces_are_known(flow: Flow) -> None:
    order_id = next(order for order in flow.in_handling(10) if len(lines_of(flow, order)) > 1)
    piece = {"line_id": lines_of(flow, order_id)[0].line_id, "quantity": 1}
    flow.box.dials.visible_after_seconds = 6

    flow.ask("invoice", order_id, {"number": "1", "value_cents": 100, "items": [piece]})
    rest = flow.ask("invoice", order_id, {"number": "2"})
    flow.drain()

    assert flow.command(rest)["outcome"] == "done"
    value = flow.box.order(order_id).value
    assert [sent["invoiceValue"] for sent in flow.sent[-2:]] == ["100", f"{value - 100}"]


def test_tracking_waits_for_its_invoice_and_goes_on_as_soon_as_it_is_there(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    tracking = flow.ask(
        "track",
        order_id,
        {"invoice_number": "NF 1", "tracking_number": "BR123", "courier": "Correios"},
    )
    flow.drain()
    waiting = flow.command(tracking)

    flow.ask("invoice", order_id, {"number": "NF 1"})
    flow.drain()

    [package] = flow.box.order(order_id).packages
    assert (waiting["standing"], waiting["attempts"]) == ("waiting", 0)
    assert package.tracking_number == "BR123"
    assert flow.command(tracking)["outcome"] == "done"


def test_tracking_whose_invoice_is_asked_for_waits_without_a_call(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    before = len(flow.calls(order_id))

    flow.ask("track", order_id, {"invoice_number": "NF 1", "tracking_number": "BR123"})
    flow.ask("invoice", order_id, {"number": "NF 1"})
    flow.drain()

    [package] = flow.box.order(order_id).packages
    assert package.tracking_number == "BR123"
    assert flow.calls(order_id)[before:] == ["get_order", "invoice", "get_order", "update_invoice"]


def test_events_arrive_in_order_and_a_late_one_undelivers_nothing(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1", "tracking_number": "BR1"})
    flow.settle(rounds=2)
    events = [
        {"city": "Recife", "state": "PE", "description": "posted", "date": "2026-11-27"},
        {"city": "Natal", "state": "RN", "description": "on its way", "date": "2026-11-28"},
        {"city": "Natal", "state": "RN", "description": "delivered", "date": "2026-11-29"},
    ]

    flow.ask("track", order_id, {"invoice_number": "1", "events": [events[0]]})
    flow.ask("track", order_id, {"invoice_number": "1", "events": [events[2]], "delivered": True})
    flow.settle(rounds=2)
    flow.ask("track", order_id, {"invoice_number": "1", "events": [events[1]]})
    flow.settle(rounds=2)

    [package] = flow.box.order(order_id).packages
    assert [event.description for event in package.events] == [
        "posted",
        "on its way",
        "delivered",
    ]
    assert package.finished


def test_events_that_come_before_their_tracking_number_wait_for_it(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=2)
    event = {"city": "C", "state": "S", "description": "posted", "date": "2026-11-27"}

    early = flow.ask("track", order_id, {"invoice_number": "1", "events": [event]})
    flow.drain()
    waiting = flow.command(early)
    flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "BR1"})
    flow.settle(rounds=2)

    [package] = flow.box.order(order_id).packages
    assert (waiting["standing"], waiting["attempts"]) == ("waiting", 0)
    assert [it.description for it in package.events] == ["posted"]


def test_no_event_is_lost_while_vtex_shows_the_ones_before_late(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1", "tracking_number": "BR1"})
    flow.settle(rounds=2)
    flow.box.dials.visible_after_seconds = 20

    for day, word in enumerate(("posted", "on its way", "delivered"), start=27):
        event = {"city": "C", "state": "S", "description": word, "date": f"2026-11-{day}"}
        flow.ask("track", order_id, {"invoice_number": "1", "events": [event]})
        flow.drain()
    flow.settle(rounds=3)

    [package] = flow.box.order(order_id).packages
    assert [it.description for it in package.events] == ["posted", "on its way", "delivered"]


def test_a_return_waits_for_the_whole_invoice_and_is_refunded_once(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    line = lines_of(flow, order_id)[0]
    body = {"number": "R1", "type": "Input", "items": [{"line_id": line.line_id, "quantity": 1}]}

    back = flow.ask("invoice", order_id, body)
    flow.drain()
    waiting = flow.command(back)
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=10, seconds=60)

    assert waiting["standing"] == "waiting"
    assert flow.command(back)["outcome"] == "done"
    refunds = [p.refund for p in flow.box.order(order_id).packages if p.type == "Input"]
    assert len(refunds) == 1
    assert refunds[0] > 0


@pytest.mark.parametrize("seed", range(6))
def test_under_wild_chaos_every_command_takes_effect_once(flow: Flow, seed: int) -> None:
    orders = flow.in_handling(12)
    wild = Dials.preset("wild")
    wild.visible_after_seconds = 3.0
    wild.unavailable += seed / 100
    flow.box.dials.turn({name: getattr(wild, name) for name in wild.__slots__})

    for number, order_id in enumerate(orders):
        flow.ask("track", order_id, {"invoice_number": f"{number}", "tracking_number": "BR"})
        flow.ask("invoice", order_id, {"number": f"{number}"})
    flow.settle(rounds=60)
    flow.box.dials.turn({name: getattr(Dials(), name) for name in wild.__slots__})
    flow.settle(rounds=20, seconds=120)

    for number, order_id in enumerate(orders):
        view = flow.box.order(order_id)
        assert view.status == "invoiced"
        assert view.invoice_effects == {f"{number}": 1}
        assert [package.tracking_number for package in view.packages] == ["BR"]


def test_the_status_that_a_commands_read_showed_is_kept(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=2)
    assert flow.order(order_id)["latest_status"] == "handling"

    flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "BR1"})
    flow.settle(rounds=2)

    assert flow.order(order_id)["latest_status"] == "invoiced"
    assert flow.order(order_id)["status"] == "ready-for-handling"
