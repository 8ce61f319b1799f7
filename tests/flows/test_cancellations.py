"""Cancellations, whoever wants them: the ERP, another service, or a customer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.flow import STORE, Flow

from orders_sync.erp.base import Decision


def asking(make_flow: Callable[..., Flow]) -> Flow:
    """A flow whose ERP decides about cancellations by hand."""
    return make_flow(erp_options={"cancellation": "ask"})


def test_a_cancellation_in_handling_is_requested_confirmed_and_followed_to_its_end(
    flow: Flow,
) -> None:
    [order_id] = flow.in_handling()

    command = flow.ask("cancel", order_id, {"reason": "out of stock"})
    flow.settle(rounds=10)

    assert flow.box.order(order_id).status == "canceled"
    assert flow.command(command)["outcome"] == "done"
    assert flow.standing(order_id) == "void"
    assert flow.in_erp() == {order_id: "cancelled"}


def test_a_cancellation_that_the_erp_asked_for_is_not_asked_of_the_erp(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order_id] = flow.in_handling()
    asked: list[str] = []
    erp = flow.services.erp(STORE)
    monkeypatch.setattr(erp, "cancel_order", lambda order, _: asked.append(order))
    monkeypatch.setattr(erp, "consider_cancellation", lambda _: asked.append("considered"))

    command = flow.ask("cancel", order_id, {"reason": "out of stock"}, source="erp")
    flow.settle(rounds=10)

    assert flow.command(command)["outcome"] == "done"
    assert flow.standing(order_id) == "void"
    assert asked == []


def test_an_invoiced_order_is_not_cancelled_and_no_call_is_made(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=3)

    command = flow.ask("cancel", order_id, {"reason": "changed my mind"})
    flow.settle(rounds=3)

    row = flow.command(command)
    assert (row["standing"], row["outcome"], row["cause"]) == (
        "parked",
        "refused",
        "cancel.invoiced",
    )
    assert "return" in row["hint"]
    assert flow.calls(order_id, "cancel_order") == []
    assert flow.box.order(order_id).status == "invoiced"


def test_of_a_cancel_and_an_invoice_of_one_order_only_the_first_takes_effect(
    flow: Flow,
) -> None:
    [order_id] = flow.in_handling()

    cancel = flow.ask("cancel", order_id, {"reason": "out of stock"})
    invoice = flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=20)

    view = flow.box.order(order_id)
    assert view.status == "canceled"
    assert not view.packages
    assert flow.command(cancel)["outcome"] == "done"
    assert flow.command(invoice)["cause"] == "invoice.order_cancelled"


@pytest.mark.parametrize("placed", [False, True], ids=["before the ERP has it", "after"])
def test_what_a_customer_cancels_and_the_erp_agrees_to_is_confirmed(
    flow: Flow, placed: bool
) -> None:
    [order_id] = flow.in_handling() if placed else flow.box.create_orders(1)

    flow.box.cancel(order_id, request=True)
    flow.settle(rounds=20)

    assert flow.box.order(order_id).status == "canceled"
    assert flow.standing(order_id) == "void"
    assert flow.in_erp() == ({order_id: "cancelled"} if placed else {})


def test_what_the_erp_denies_is_denied_and_goes_on(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order_id] = flow.in_handling()
    erp = flow.services.erp(STORE)
    deny = Decision.deny("it has left the house")
    monkeypatch.setattr(erp, "consider_cancellation", lambda _: deny)

    flow.box.cancel(order_id, request=True)
    flow.settle(rounds=20)

    assert flow.box.order(order_id).status == "handling"
    assert flow.standing(order_id) == "done"
    assert flow.in_erp() == {order_id: "new"}
    assert flow.calls(order_id).count("deny_cancellation") == 1


def test_what_the_erp_has_not_decided_waits_where_people_see_it(
    make_flow: Callable[..., Flow],
) -> None:
    flow = asking(make_flow)
    [order_id] = flow.in_handling()

    flow.box.cancel(order_id, request=True)
    flow.settle(rounds=10, seconds=120)
    waiting = flow.order(order_id)
    flow.erp_writes(
        "UPDATE erp_orders SET cancellation_decision = 'agree' WHERE order_id = :id", id=order_id
    )
    flow.settle(rounds=20, seconds=120)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "vtex.cancellation_requested")
    assert waiting["hint"]
    assert flow.box.order(order_id).status == "canceled"


def test_an_invoice_waits_while_a_requested_cancellation_is_undecided(
    make_flow: Callable[..., Flow],
) -> None:
    flow = asking(make_flow)
    [order_id] = flow.in_handling()
    flow.box.cancel(order_id, request=True)
    flow.settle(rounds=3)

    invoice = flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=3)
    waiting = flow.command(invoice)
    flow.erp_writes(
        "UPDATE erp_orders SET cancellation_decision = 'deny' WHERE order_id = :id", id=order_id
    )
    flow.settle(rounds=30, seconds=120)

    assert waiting["standing"] == "waiting"
    assert flow.box.order(order_id).status == "invoiced"
    assert flow.command(invoice)["outcome"] == "done"


def test_a_denial_of_our_own_request_is_refused(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.cancel_seconds = 10_000
    flow.ask("cancel", order_id, {"reason": "out of stock"})
    flow.drain()

    command = flow.ask("deny", order_id, {"reason": "no"})
    flow.drain()

    assert flow.command(command)["cause"] in {"deny.own_request", "deny.cancelled"}
    assert flow.calls(order_id, "deny_cancellation") == []
