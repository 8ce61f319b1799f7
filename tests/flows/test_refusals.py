"""Each refusal of a command, by our rules or by VTEX itself: parked, with a hint, nothing done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.flow import Flow

from orders_sync.roster import Roster

Prepare = Callable[[Flow, str], object]


def nothing(_flow: Flow, _order_id: str) -> None:
    """The order is in handling, and that is all."""


def invoiced(flow: Flow, order_id: str) -> None:
    flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=3)


def partly_invoiced(flow: Flow, order_id: str) -> None:
    line = flow.box.order(order_id).lines[0]
    items = [{"line_id": line.line_id, "quantity": 1}]
    flow.ask("invoice", order_id, {"number": "1", "items": items, "value_cents": 100})
    flow.settle(rounds=3)


def cancelled(flow: Flow, order_id: str) -> None:
    flow.ask("cancel", order_id, {"reason": "out of stock"})
    flow.settle(rounds=10)


def cancelled_between_read_and_call(method: str) -> Prepare:
    def prepare(flow: Flow, order_id: str) -> None:
        def cancel() -> None:
            flow.box.cancel(order_id, request=True)
            flow.box.cancel(order_id)

        flow.just_before[method] = cancel

    return prepare


def changed_by_the_legacy_api(flow: Flow, order_id: str) -> None:
    flow.box.dials.changes_v1 = True
    legacy = flow.settings.model_copy(update={"change_api": "v1"})
    present = flow.services.roster
    flow.services.roster = Roster(legacy, flow.services.ledger.kept_accounts)
    flow.ask("change", order_id, {"reason": "first", "manual_discount_cents": 1})
    flow.settle(rounds=2)
    flow.services.roster = present


RETURN = {"number": "R1", "type": "Input"}


@pytest.mark.parametrize(
    ("prepare", "kind", "body", "cause"),
    [
        pytest.param(
            invoiced,
            "invoice",
            {"number": "2"},
            "invoice.over_invoiced",
            id="an invoice of an invoiced order",
        ),
        pytest.param(
            partly_invoiced,
            "invoice",
            {"number": "2", "value_cents": 10**8},
            "invoice.over_invoiced",
            id="an invoice of more than is left",
        ),
        pytest.param(
            cancelled,
            "invoice",
            {"number": "1"},
            "invoice.order_cancelled",
            id="an invoice of a cancelled order",
        ),
        pytest.param(
            nothing,
            "invoice",
            {"number": "1", "items": [{"sku": "nosuch", "quantity": 1}]},
            "invoice.item_unknown",
            id="an invoice of another order's item",
        ),
        pytest.param(
            cancelled_between_read_and_call("POST"),
            "invoice",
            {"number": "1"},
            "vtex.ORD039",
            id="an invoice that VTEX refuses by status",
        ),
        pytest.param(
            invoiced, "invoice", RETURN, "invoice.return_without_items", id="a return of nothing"
        ),
        pytest.param(
            invoiced,
            "invoice",
            {**RETURN, "items": [{"sku": "?", "quantity": 1}], "value_cents": 10**8},
            "invoice.over_returned",
            id="a return of more than was invoiced",
        ),
        pytest.param(
            nothing,
            "invoice",
            {"number": " / #"},
            "command.invalid",
            id="a number VTEX cannot route",
        ),
        pytest.param(
            cancelled,
            "track",
            {"invoice_number": "1", "tracking_number": "T"},
            "tracking.order_cancelled",
            id="tracking of a cancelled order",
        ),
        pytest.param(
            invoiced, "cancel", {"reason": "r"}, "cancel.invoiced", id="a cancel once invoiced"
        ),
        pytest.param(
            partly_invoiced,
            "cancel",
            {"reason": "r"},
            "cancel.invoiced",
            id="a cancel once invoiced in part",
        ),
        pytest.param(
            cancelled, "deny", {"reason": "r"}, "deny.cancelled", id="a denial that comes too late"
        ),
        pytest.param(
            invoiced,
            "change",
            {"reason": "r", "manual_discount_cents": 1},
            "change.order_closed",
            id="a change once invoiced",
        ),
        pytest.param(
            nothing,
            "change",
            {"reason": "r", "remove": [{"sku": "nosuch", "quantity": 1}]},
            "change.item_unclear",
            id="a change of another order's item",
        ),
        pytest.param(
            nothing,
            "change",
            {"reason": "r", "manual_discount_cents": 10**9},
            "change.cancelled_by_vtex",
            id="a change that VTEX cancels for its value",
        ),
        pytest.param(
            nothing,
            "change",
            {"reason": "r", "add": [{"sku": "999999999", "quantity": 1}]},
            "change.cancelled_by_vtex",
            id="a change that VTEX cancels for its item",
        ),
        pytest.param(
            changed_by_the_legacy_api,
            "change",
            {"reason": "r", "manual_discount_cents": 1},
            "vtex.SalesOrderSystem015",
            id="a change after one by the legacy API",
        ),
    ],
)
def test_what_is_refused_ends_parked_with_a_hint_and_no_effect(
    flow: Flow, prepare: Prepare, kind: str, body: dict[str, Any], cause: str
) -> None:
    [order_id] = flow.in_handling()
    prepare(flow, order_id)
    body = _with_real_sku(flow, order_id, body)
    before = flow.box.order(order_id)

    command_id = flow.ask(kind, order_id, body)
    flow.settle(rounds=5)

    command, after = flow.command(command_id), flow.box.order(order_id)
    assert (command["standing"], command["outcome"]) == ("parked", "refused")
    assert command["cause"] == cause
    assert command["reason"]
    assert len(command["hint"]) > 20
    assert (after.packages, after.value) == (before.packages, before.value)
    assert after.doubled == ()


def test_a_cancellation_of_an_incomplete_order_is_refused(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1, "incomplete")

    command_id = flow.ask("cancel", order_id, {"reason": "r"})
    flow.settle(rounds=2)

    assert flow.command(command_id)["cause"] == "cancel.incomplete"


def test_tracking_whose_invoice_never_comes_is_parked_at_its_deadline(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    command_id = flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "T"})
    flow.settle(rounds=100, seconds=3 * 3600)

    command = flow.command(command_id)
    assert (command["standing"], command["cause"]) == ("parked", "command.waited_too_long")
    assert "invoice 1 is not in VTEX" in command["reason"]


def test_legacy_changes_of_an_account_that_lost_them_are_refused(
    make_flow: Callable[..., Flow],
) -> None:
    flow = make_flow(change_api="v1")
    [order_id] = flow.in_handling()

    command_id = flow.ask("change", order_id, {"reason": "r", "manual_discount_cents": 1})
    flow.settle(rounds=2)

    assert flow.command(command_id)["outcome"] == "refused"


def _with_real_sku(flow: Flow, order_id: str, body: dict[str, Any]) -> dict[str, Any]:
    sku = flow.box.order(order_id).lines[0].sku
    items = [{**it, "sku": sku} if it.get("sku") == "?" else it for it in body.get("items", [])]
    return {**body, "items": items} if items else body
