"""What an ERP writes into `erp_commands`, and what VTEX and the row show afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from support.flow import STORE, Flow

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def write(flow: Flow, order_id: str, kind: str = "invoice", **columns: Any) -> None:
    row = {"account": STORE, "order_id": order_id, "kind": kind, **columns}
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    flow.erp_writes(f"INSERT INTO erp_commands ({names}) VALUES ({values})", **row)  # noqa: S608 # names of ours.
    flow.settle(rounds=3)


def answers(flow: Flow) -> list[tuple[str, str | None]]:
    rows = flow.erp_reads("SELECT state, answer FROM erp_commands ORDER BY id")
    return [(state, answer) for state, answer in rows]


def test_the_carrier_that_comes_with_the_invoices_second_row_reaches_vtex(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    write(flow, order_id, invoice_number="A1")
    write(flow, order_id, invoice_number="A1", tracking_number="LATE1", courier="Correios")

    [package] = flow.box.order(order_id).packages
    assert (package.number, package.tracking_number) == ("A1", "LATE1")
    assert [state for state, _ in answers(flow)] == ["done", "done"]


def test_two_series_with_the_same_digits_are_two_invoices(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    half = flow.box.order(order_id).value // 2

    write(flow, order_id, invoice_number="1/23", value_cents=half)
    write(flow, order_id, invoice_number="12/3")

    view = flow.box.order(order_id)
    assert [package.number for package in view.packages] == ["1-23", "12-3"]
    assert view.status == "invoiced"


def test_a_corrected_tracking_number_keeps_nothing_of_the_old_parcel(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    write(
        flow,
        order_id,
        invoice_number="B1",
        tracking_number="AA1",
        courier="Correios",
        tracking_url="https://c.example/AA1",
    )
    write(flow, order_id, "track", invoice_number="B1", tracking_number="ZZ9")

    assert flow.sent[-1]["trackingNumber"] == "ZZ9"
    assert flow.sent[-1]["trackingUrl"] is None


def test_a_delivery_at_night_is_told_by_the_stores_clock(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    write(flow, order_id, invoice_number="H1", tracking_number="T1")
    write(flow, order_id, "track", invoice_number="H1", delivered_at="2026-11-29 01:30:00+00:00")

    assert flow.sent[-1]["deliveredDate"] == "2026-11-28 22:30"


def test_a_day_without_its_hour_is_refused_with_an_example(
    flow: Flow, both_on: dict[str, Any]
) -> None:
    if both_on.get("erp_options"):  # PostgreSQL
        pytest.skip("The column makes it midnight before anybody reads it.")
    [order_id] = flow.in_handling()
    write(flow, order_id, invoice_number="D1", tracking_number="T1")
    before = len(flow.sent)

    write(flow, order_id, "track", invoice_number="D1", delivered_at="2026-11-29")

    state, answer = answers(flow)[1]
    assert (state, len(flow.sent)) == ("refused", before)
    assert "delivered_at" in (answer or "")
    assert "2026-11-29T15:30:00-03:00" in (answer or "")


def test_a_cent_that_is_left_is_told_in_the_answer_and_can_be_sent(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    write(flow, order_id, invoice_number="1", value_cents=flow.box.order(order_id).value - 1)
    write(flow, order_id, invoice_number="2", value_cents=1)

    (first, told), (second, nothing) = answers(flow)
    assert (first, second, nothing) == ("done", "done", None)
    assert "1 cents are not" in (told or "")
    assert flow.box.order(order_id).status == "invoiced"


def test_a_refusal_names_the_columns_and_not_the_fields_behind_them(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    write(flow, order_id, invoice_url=" " * 3, value_cents=0)

    [(state, told)] = answers(flow)
    assert state == "refused"
    assert told is not None
    assert told.startswith("invoice_number: is missing")
    assert "value_cents: " in told


def together(flow: Flow, order_id: str, *rows: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Have rows lie in the table together, while VTEX shows effects after 8 s."""
    flow.box.dials.visible_after_seconds = 8
    for row in rows:
        columns = {"account": STORE, "order_id": order_id, "kind": "invoice", **row}
        names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        flow.erp_writes(f"INSERT INTO erp_commands ({names}) VALUES ({values})", **columns)  # noqa: S608 # names of ours.
    flow.settle(rounds=8, seconds=5)
    return answers(flow)


def order_of_two(flow: Flow) -> tuple[str, list[str]]:
    """Return an order of two SKUs, and the JSON of all pieces of each, of the cheaper one first."""
    lines = "SELECT total_cents, sku, quantity FROM erp_order_lines WHERE order_id = :id ORDER BY 1"
    for order_id in flow.in_handling(40):
        rows = flow.erp_reads(lines, id=order_id)
        if len({sku for _, sku, _ in rows}) == len(rows) == 2 and rows[0][0]:
            return order_id, [f'{{"sku": "{sku}", "quantity": {n}}}' for _, sku, n in rows]
    raise AssertionError("No order has two SKUs.")


def test_one_piece_is_refunded_once_though_vtex_shows_the_first_return_late(flow: Flow) -> None:
    order_id, [item, _] = order_of_two(flow)
    write(flow, order_id, invoice_number="S1")
    body = f'{{"type": "Input", "items": [{item}]}}'

    told = together(
        flow,
        order_id,
        {"invoice_number": "R1", "body": body},
        {"invoice_number": "R2", "body": body},
    )

    assert [state for state, _ in told] == ["done", "done", "refused"]
    assert [package.number for package in flow.box.order(order_id).packages] == ["S1", "R1"]


def test_the_last_cent_is_told_of_two_invoices_that_come_together(flow: Flow) -> None:
    order_id, [first, second] = order_of_two(flow)
    value = flow.box.order(order_id).value

    told = together(
        flow,
        order_id,
        {"invoice_number": "1", "value_cents": 1, "body": f'{{"items": [{first}]}}'},
        {"invoice_number": "2", "value_cents": value - 2, "body": f'{{"items": [{second}]}}'},
    )

    assert [state for state, _ in told] == ["done", "done"]
    assert "1 cents are not" in (told[1][1] or "")


def test_one_piece_is_invoiced_once_though_vtex_shows_the_first_invoice_late(flow: Flow) -> None:
    order_id, [item, _] = order_of_two(flow)
    body = f'{{"items": [{item}]}}'

    told = together(
        flow,
        order_id,
        {"invoice_number": "1", "value_cents": 1, "body": body},
        {"invoice_number": "2", "value_cents": 1, "body": body},
    )

    assert [state for state, _ in told] == ["done", "refused"]


def test_a_number_without_its_parts_set_apart_is_none_of_the_erps_others(flow: Flow) -> None:
    [order_id] = flow.in_handling()

    write(flow, order_id, invoice_number="1/23", value_cents=flow.box.order(order_id).value // 2)
    write(flow, order_id, invoice_number="123")

    view = flow.box.order(order_id)
    assert ([package.number for package in view.packages], view.status) == (
        ["1-23", "123"],
        "invoiced",
    )


@pytest.mark.parametrize(
    "column",
    [
        pytest.param({"body": '{"embedded_invoice": "<nfe/>"}'}, id="embedded_invoice"),
        pytest.param({"courier": "Correios"}, id="courier"),
        pytest.param({"tracking_url": "https://c/1"}, id="tracking_url"),
        pytest.param({"dispatched_at": "2026-11-27 10:00:00+00:00"}, id="dispatched_at"),
    ],
)
def test_what_a_repeat_says_and_vtex_cannot_take_is_refused(
    flow: Flow, column: dict[str, Any]
) -> None:
    [order_id] = flow.in_handling()

    write(flow, order_id, invoice_number="E1")
    write(flow, order_id, invoice_number="E1", **column)

    assert answers(flow)[1][0] == "refused"


def test_what_a_repeated_row_told_of_the_parcel_stays_when_tracking_follows(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    left = "2026-11-27 10:00:00+00:00"

    write(flow, order_id, invoice_number="A1")
    write(flow, order_id, invoice_number="A1", tracking_number="T1", dispatched_at=left)
    write(flow, order_id, "track", invoice_number="A1", tracking_number="T1", courier="Correios")

    assert flow.sent[-1]["courier"] == "Correios"
    assert flow.sent[-1]["dispatchedDate"]
