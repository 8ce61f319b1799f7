from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from orders_sync.sandbox import Box, LineView
from orders_sync.testing.clock import SettableClock
from orders_sync.vtex.translate import fulfilment
from orders_sync.vtex.translate import order as order_of

Call = Callable[..., requests.Response]
Sale = Callable[..., dict[str, Any]]
Change = Callable[..., requests.Response]


def taking(line: LineView, quantity: int | None = None) -> dict[str, Any]:
    item = {"id": line.sku, "uniqueId": line.line_id, "quantity": quantity or line.quantity}
    return {"reason": "Out of stock", "remove": {"items": [item]}}


def paid_by(call: Call, order_id: str) -> set[str]:
    payments = call("GET", order_id).json()["paymentData"]["transactions"][0]["payments"]
    return {payment["group"] for payment in payments}


def totals(order: dict[str, Any]) -> dict[str, int]:
    return {total["id"]: total["value"] for total in order["totals"]}


def test_a_change_is_made_in_a_while(
    box: Box, change: Change, order_id: str, clock: SettableClock
) -> None:
    box.dials.change_seconds = 5
    before = box.order(order_id)

    answer = change("PATCH", order_id, "", taking(before.lines[0]))
    request_id = answer.json()["requestId"]
    at_once = change("GET", order_id, f"/{request_id}").json()
    clock.advance(5)
    later = change("GET", order_id, f"/{request_id}").json()

    assert answer.status_code == 202
    assert (answer.json()["totalChangeValue"], answer.json()["totals"]) == (0, [])
    assert [at_once[name] for name in ("status", "inProgress", "finished")] == [
        "preparing",
        True,
        False,
    ]
    assert [later[name] for name in ("status", "inProgress", "finished")] == ["done", False, True]
    assert box.order(order_id).lines == before.lines[1:]
    assert box.order(order_id).value == before.value + later["totalChangeValue"] < before.value


def test_a_changed_order_still_adds_up(box: Box, call: Call, change: Change, order_id: str) -> None:
    line = max(box.order(order_id).lines, key=lambda one: one.total)
    change("PATCH", order_id, "", {**taking(line), "manualDiscountValue": 10})

    order = call("GET", order_id).json()

    logistics = order["shippingData"]["logisticsInfo"]
    entry = order["changesAttachment"]["changesData"][0]
    assert sum(totals(order).values()) == order["value"] == box.order(order_id).value
    assert totals(order)["Change"] == -10
    assert totals(order)["Shipping"] == sum(info["sellingPrice"] for info in logistics)
    assert [info["itemIndex"] for info in logistics] == list(range(len(order["items"])))
    assert [item["uniqueId"] for item in order["items"]] == [
        one.line_id for one in box.order(order_id).lines
    ]
    assert (entry["reason"], entry["discountValue"]) == ("Out of stock", 10)
    assert entry["itemsRemoved"][0]["id"] == line.sku
    assert entry["receipt"]["orderId"] == order_id


def test_removed_lines_may_still_show(box: Box, call: Call, change: Change, order_id: str) -> None:
    box.dials.removed_lines_linger = True
    first = box.order(order_id).lines[0]

    change("PATCH", order_id, "", taking(first))
    change("PATCH", order_id, "", {"reason": "Sorry", "manualDiscountValue": 1})

    order = call("GET", order_id).json()
    assert order["items"][-1]["uniqueId"] == first.line_id
    assert len(order["shippingData"]["logisticsInfo"]) == len(order["items"])
    assert first not in box.order(order_id).lines
    assert sum(totals(order).values()) == order["value"]


@pytest.mark.parametrize("times", [1, 2])
def test_changes_may_leave_the_items_as_they_were_sold(
    box: Box, call: Call, change: Change, order_id: str, times: int
) -> None:
    box.dials.changes_leave_items = 1.0
    before = call("GET", order_id).json()
    first = box.order(order_id).lines[0]

    change("PATCH", order_id, "", taking(first))
    if times == 2:
        change("PATCH", order_id, "", {"reason": "Sorry", "manualDiscountValue": 1})

    order, truth = call("GET", order_id), box.order(order_id)
    after = order.json()
    assert (after["items"], after["shippingData"]) == (before["items"], before["shippingData"])
    assert totals(after).pop("Change") == truth.value - before["value"]
    assert {**totals(after), "Change": 0} == {**totals(before), "Change": 0}
    assert sum(totals(after).values()) == after["value"] == truth.value
    read = order_of("mystore", order.content)
    assert [(line.line_id, line.quantity) for line in read.lines] == [
        (line.line_id, line.quantity) for line in truth.lines
    ]
    assert read.reckoning.difference_cents == 0


def test_an_added_article_is_invoiced_where_the_items_were_left_alone(
    box: Box, call: Call, change: Change
) -> None:
    box.dials.changes_leave_items = 1.0
    order_id = next(
        name
        for name in box.create_orders(30, handling=True)
        if paid_by(call, name) == {"creditCard"}
    )
    sold = len(box.order(order_id).lines)

    more = {"items": [{"id": "90001", "quantity": 1}]}
    change("PATCH", order_id, "", {"reason": "More", "add": more})
    seen = fulfilment(call("GET", order_id).content)

    assert [(line.index, line.sku, line.total_cents) for line in seen.lines[sold:]] == [
        (sold, "90001", 189_900)
    ]
    items = [{"id": "90001", "quantity": 1, "price": 189_900}]
    invoice = {
        "type": "Output",
        "invoiceNumber": "1",
        "invoiceValue": "189900",
        "issuanceDate": "2026-11-29",
        "items": items,
    }
    assert call("POST", order_id, "/invoice", invoice).ok
    after = fulfilment(call("GET", order_id).content)
    assert after.invoiced_quantity(sold) == 1


def test_items_are_added_and_replaced(box: Box, call: Call, change: Change) -> None:
    order_id = next(
        name
        for name in box.create_orders(30, handling=True)
        if paid_by(call, name) == {"creditCard"}
    )
    line, before = box.order(order_id).lines[0], box.order(order_id).value
    item = {"id": line.sku, "uniqueId": line.line_id, "quantity": 1}
    body = {
        "reason": "Swap",
        "add": {"items": [{"id": "2001", "quantity": 2, "price": 100}]},
        "replace": [{"from": {"items": [item]}, "to": {"items": [{"id": "90001", "quantity": 1}]}}],
    }

    change("PATCH", order_id, "", body)

    after = box.order(order_id)
    assert [one.sku for one in after.lines[-2:]] == ["2001", "90001"]
    assert [one.total for one in after.lines[-2:]] == [200, 189_900]
    assert after.value > before
    assert [one.status for one in after.changes] == ["done"]


def test_a_change_down_to_what_is_invoiced_makes_the_order_invoiced(
    box: Box, call: Call, change: Change, sale: Sale, order_id: str
) -> None:
    value = box.order(order_id).value
    call("POST", order_id, "/invoice", sale(order_id, invoiceValue=value - 5, items=[]))

    change("PATCH", order_id, "", {"reason": "Sorry", "manualDiscountValue": 5})

    assert box.order(order_id).status == "invoiced"
    assert box.order(order_id).value == value - 5


def test_one_change_at_a_time(
    box: Box, change: Change, order_id: str, clock: SettableClock
) -> None:
    box.dials.change_seconds = 5
    body = {"reason": "Sorry", "manualDiscountValue": 1}
    change("PATCH", order_id, "", body)

    during = change("PATCH", order_id, "", body)
    clock.advance(5)
    after = change("PATCH", order_id, "", body)
    clock.advance(5)

    assert (during.status_code, after.status_code) == (400, 202)
    assert during.json()["error"]["code"] == "SalesOrderSystem014"
    assert {"operationId", "fields"} <= set(during.json())
    assert box.order(order_id).doubled == ("change 2 times",)


def test_a_cancelled_order_is_not_changed_any_more(
    box: Box, change: Change, order_id: str, clock: SettableClock
) -> None:
    box.dials.change_seconds = 5
    body = {"reason": "Sorry", "manualDiscountValue": 1}
    request_id = change("PATCH", order_id, "", body).json()["requestId"]
    box.cancel(order_id)

    seen = []
    for _ in range(2):
        clock.advance(5)
        seen.append(change("GET", order_id, f"/{request_id}").json()["status"])

    assert seen == ["canceling", "canceled"]


@pytest.mark.parametrize(
    ("race", "status", "change_status"),
    [
        pytest.param(False, "invoiced", "canceled", id="the change gives way"),
        pytest.param(True, "invoice", "done", id="the order is stuck"),
    ],
)
def test_an_invoice_during_a_change(
    box: Box,
    call: Call,
    change: Change,
    sale: Sale,
    order_id: str,
    clock: SettableClock,
    *,
    race: bool,
    status: str,
    change_status: str,
) -> None:
    box.dials.change_invoice_race = race
    box.dials.change_seconds, box.dials.invoicing_seconds = 2, 5
    change("PATCH", order_id, "", {"reason": "Sorry", "manualDiscountValue": 1})

    answer = call("POST", order_id, "/invoice", sale(order_id))
    clock.advance(60)

    view = box.order(order_id)
    assert answer.status_code == 200
    assert (view.status, view.changes[0].status) == (status, change_status)
    assert (view.invoices_total > view.value) is race


def test_a_preview_changes_nothing(box: Box, change: Change, order_id: str) -> None:
    before = box.order(order_id)

    good = change("POST", order_id, "/preview", taking(before.lines[0]))
    bad = change("POST", order_id, "/preview", taking(before.lines[0], 1000))

    assert good.json()["totalChangeValue"] < 0
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "SalesOrderSystem011")
    assert box.order(order_id).value == before.value
    assert box.order(order_id).changes == ()


@pytest.mark.parametrize(
    ("verb", "body", "answered", "status"),
    [
        pytest.param("retry", None, 204, "done", id="retried"),
        pytest.param("cancel", {"reason": "Stuck"}, 200, "canceled", id="cancelled"),
    ],
)
def test_a_stuck_change_waits_for_a_person(
    box: Box, change: Change, order_id: str, verb: str, body: Any, answered: int, status: str
) -> None:
    box.dials.change_stuck = 1.0
    wanted = {"reason": "Sorry", "manualDiscountValue": 1}
    request_id = change("PATCH", order_id, "", wanted).json()["requestId"]
    before = change("GET", order_id, f"/{request_id}").json()["status"]

    answer = change("POST", order_id, f"/{request_id}/{verb}", body)
    again = change("POST", order_id, f"/{request_id}/{verb}", body)

    assert before == "preparing"
    assert (answer.status_code, again.status_code) == (answered, 400)
    assert change("GET", order_id, f"/{request_id}").json()["status"] == status
