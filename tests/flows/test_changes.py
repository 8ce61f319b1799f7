"""Changes of an order, followed until VTEX is done with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.flow import Flow

from orders_sync.domain.steps import Step


def discount(cents: int = 100) -> dict[str, object]:
    return {"reason": "damaged box", "manual_discount_cents": cents}


def test_a_change_is_followed_to_its_end_without_holding_a_worker(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    value = flow.box.order(order_id).value
    flow.box.dials.change_seconds = 60

    command = flow.ask("change", order_id, discount())
    flow.drain()
    running = flow.command(command)
    flow.settle(rounds=10)

    assert (running["standing"], running["progress"]) == ("waiting", "sent")
    assert running["next_step"] == "change.follow"
    assert flow.command(command)["outcome"] == "done"
    assert flow.box.order(order_id).value == value - 100


def test_an_invoice_waits_for_a_running_change_and_is_of_the_changed_order(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.change_seconds = 60
    flow.ask("change", order_id, discount())
    flow.drain()

    invoice = flow.ask("invoice", order_id, {"number": "1"})
    flow.drain()
    waiting = flow.command(invoice)
    flow.settle(rounds=15)

    view = flow.box.order(order_id)
    assert (waiting["standing"], waiting["attempts"]) == ("waiting", 0)
    assert view.status == "invoiced"
    assert [package.value for package in view.packages] == [view.value]


def test_an_invoice_waits_for_a_change_that_was_asked_for_before_and_not_sent(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    value = flow.box.order(order_id).value
    flow.ask("change", order_id, discount())
    flow.ask("invoice", order_id, {"number": "1"})
    in_the_broker = [step.step for step in flow.queue]
    flow.settle(rounds=10)

    view = flow.box.order(order_id)
    assert in_the_broker == [Step.SEND_CHANGE]
    assert [package.value for package in view.packages] == [value - 100]


def test_changes_of_one_order_are_sent_one_at_a_time(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    value = flow.box.order(order_id).value
    flow.box.dials.change_seconds = 60

    commands = [flow.ask("change", order_id, discount(cents)) for cents in (100, 200)]
    flow.settle(rounds=20)

    assert {flow.command(command)["outcome"] for command in commands} == {"done"}
    assert flow.box.order(order_id).value == value - 300


def test_a_change_that_vtex_cancels_is_refused_with_its_reason(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    command = flow.ask("change", order_id, discount(10**9))
    flow.settle(rounds=10)

    row = flow.command(command)
    assert (row["standing"], row["outcome"]) == ("parked", "refused")
    assert row["reason"]
    assert row["hint"]


def test_after_a_lost_answer_the_history_is_read_before_a_change_is_repeated(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    value = flow.box.order(order_id).value
    command = flow.ask("change", order_id, discount())
    send = flow.queue[0]

    flow.cut_answers_to("PATCH")
    flow.run(send)
    flow.cut_answers_to(None)
    flow.queue.clear()
    flow.settle(rounds=10)

    assert flow.command(command)["outcome"] == "done"
    assert flow.box.order(order_id).value == value - 100
    assert flow.calls(order_id, "create_change") == ["create_change"]


def test_a_change_waits_until_vtex_shows_the_invoice_before_it(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.visible_after_seconds = 6
    flow.ask("invoice", order_id, {"number": "1", "value_cents": 100})
    flow.drain()

    change = flow.ask("change", order_id, discount())
    flow.drain()
    waiting = flow.command(change)
    calls = flow.calls(order_id, "create_change")
    flow.settle(rounds=10)

    assert (waiting["standing"], waiting["attempts"]) == ("waiting", 0)
    assert calls == []
    assert flow.command(change)["outcome"] == "done"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        pytest.param(
            {"reason": "r", "remove": [{"sku": "nosuch", "quantity": 1}]},
            "change.item_unclear",
            id="a SKU of another order",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_before_any_call(
    flow: Flow, change: dict[str, object], cause: str
) -> None:
    [order_id] = flow.in_handling()

    command = flow.ask("change", order_id, change)
    flow.drain()

    assert flow.command(command)["cause"] == cause
    assert flow.calls(order_id, "create_change") == []


def test_a_removed_unit_names_its_line(flow: Flow) -> None:
    order_ids = flow.in_handling(10)
    order_id = next(it for it in order_ids if len(flow.box.order(it).lines) > 1)
    view = flow.box.order(order_id)

    command = flow.ask(
        "change",
        order_id,
        {"reason": "r", "remove": [{"line_id": view.lines[0].line_id, "quantity": 1}]},
    )
    flow.settle(rounds=10)

    assert flow.command(command)["outcome"] == "done"
    assert flow.box.order(order_id).value < view.value


def test_the_legacy_changes_are_used_where_the_account_has_them(
    make_flow: Callable[..., Flow],
) -> None:
    flow = make_flow(change_api="v1")
    flow.box.dials.changes_v1 = True
    [order_id] = flow.in_handling()
    value = flow.box.order(order_id).value

    command = flow.ask("change", order_id, discount())
    flow.settle(rounds=3)

    assert flow.command(command)["outcome"] == "done"
    assert flow.box.order(order_id).value == value - 100
    assert flow.calls(order_id, "create_change") == []


def test_a_note_stands_in_the_orders_timeline(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    command = flow.ask("note", order_id, {"message": "ERP order 4711", "source": "ERP"})
    flow.settle(rounds=2)

    assert flow.command(command)["outcome"] == "done"
    assert len(flow.box.order(order_id).interactions) == 1
