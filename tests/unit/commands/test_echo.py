"""An ERP is not told of a change that it asked for, and is told of everybody else's."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from support.order_documents import change, changed, client_in, document, encoded, item, swap

from orders_sync.commands.change import ChangeBody
from orders_sync.commands.echo import Reading, changes_by_others
from orders_sync.domain.differences import LineState
from orders_sync.sandbox import Box, Dials, LineView
from orders_sync.vtex.translate import fulfilment, order

ITEMS = (item("1", 3, 1000), item("2", 1, 500))
SOLD = {"Items": 3500, "Shipping": 700}
TAKE_ONE = {"reason": "Sem estoque", "remove": [{"sku": "1", "quantity": 1}]}
ONE_TAKEN = change(reason="Sem estoque", removed=(swap("1", 1, 1000),))


def reading(document: bytes) -> Reading:
    return Reading(order("mystore", document), fulfilment(document))


def sold(*changes: dict[str, Any], by: int = 0) -> Reading:
    """Read the order after changes that left its `items[]` alone and are worth so many cents."""
    totals = {**SOLD, "Change": by} if changes else SOLD
    return reading(encoded(document(*ITEMS, totals=totals, **changed(*changes))))


def told(
    before: Reading, after: Reading, *asked: dict[str, Any]
) -> tuple[list[tuple[str, int, int]], tuple[int, int]]:
    """Return each line that is told, its pieces before and after, and the values."""
    bodies = [ChangeBody.model_validate(body) for body in asked]
    changes = changes_by_others(before, after, bodies, revision=2)
    lines = [(row.sku, pieces(row.before), pieces(row.after)) for row in changes.lines]
    assert changes.is_empty == (not lines and not changes.is_of_value)
    return lines, (changes.value_before_cents, changes.value_after_cents)


def test_what_the_erp_asked_for_is_not_told() -> None:
    after = sold(ONE_TAKEN, by=-1000)

    assert told(sold(), after, TAKE_ONE) == ([], (3200, 3200))
    assert told(sold(), after) == ([("1", 3, 2)], (4200, 3200))


def test_the_same_change_by_somebody_else_is_told() -> None:
    """The ERP asked once, and the order shows it twice."""
    after = sold(ONE_TAKEN, ONE_TAKEN, by=-2000)

    assert told(sold(), after, TAKE_ONE) == ([("1", 2, 1)], (3200, 2200))


def test_a_change_that_is_known_already_does_not_stand_for_a_new_one() -> None:
    before = sold(ONE_TAKEN, by=-1000)
    after = sold(ONE_TAKEN, ONE_TAKEN, by=-2000)

    assert told(before, after, TAKE_ONE) == ([("1", 2, 1)], (3200, 2200))
    assert told(before, after, TAKE_ONE, TAKE_ONE) == ([], (2200, 2200))


@pytest.mark.parametrize(
    ("other", "by"),
    [
        (change(reason="Cliente pediu", removed=(swap("1", 1, 1000),)), -1000),
        (change(reason="Sem estoque", removed=(swap("1", 1, 1000), swap("2", 1, 500))), -1500),
        (change(reason="Sem estoque", removed=(swap("2", 1, 500),)), -500),
        (change(reason="Sem estoque", added=(swap("1", 1, 1000),)), 1000),
    ],
)
def test_another_change_is_no_echo(other: dict[str, Any], by: int) -> None:
    after = sold(other, by=by)

    lines, values = told(sold(), after, TAKE_ONE)

    assert (lines, values) == told(sold(), after)
    assert lines


def test_changes_are_counted_from_what_the_erp_has_by_its_own() -> None:
    other = change(reason="Cliente pediu", removed=(swap("2", 1, 500),))
    after = sold(ONE_TAKEN, other, by=-1500)

    assert told(sold(), after, TAKE_ONE) == ([("2", 1, 0)], (3200, 2700))


def test_discounts_are_told_apart_by_their_cents() -> None:
    five = {"reason": "Atraso", "manual_discount_cents": 500}
    after = sold(change(reason="Atraso", discountValue=500), by=-500)
    dearer = sold(change(reason="Atraso", discountValue=900), by=-900)

    assert told(sold(), after, five) == ([], (3700, 3700))
    assert told(sold(), dearer, five) == ([], (4200, 3300))


def test_weights_are_told_apart() -> None:
    asked = {
        "reason": "Peso",
        "replace": [
            {
                "from": [{"sku": "9", "quantity": 1}],
                "to": [{"sku": "9", "quantity": 1, "unit_multiplier": 0.412}],
            }
        ],
    }
    cheese = item("9", 1, 1000, unitMultiplier=0.5, sellingPrice=500)

    def weighed(weight: float) -> Reading:
        swapped = change(
            reason="Peso",
            removed=(swap("9", 1, 1000, unitMultiplier=0.5),),
            added=(swap("9", 1, 1000, unitMultiplier=weight),),
        )
        totals = {"Items": 500, "Change": round(weight * 1000) - 500}
        return reading(encoded(document(cheese, totals=totals, **changed(swapped))))

    before = reading(encoded(document(cheese, totals={"Items": 500})))

    assert told(before, weighed(0.412), asked) == ([], (412, 412))
    assert told(before, weighed(0.45), asked) == ([("9", 1, 1)], (500, 450))


@pytest.mark.parametrize("line_id", ["CHEAP", "DEAR"])
def test_a_sku_on_several_lines_is_taken_from_the_line_that_was_named(line_id: str) -> None:
    """VTEX's document tells the SKU that a change took out, and no line."""
    prices = {"CHEAP": 600, "DEAR": 1000}
    twins = [item("1", 2, price, uniqueId=name) for name, price in prices.items()]
    left = [line | {"quantity": 1} if line["uniqueId"] == line_id else line for line in twins]
    for line in left:
        line["priceDefinition"] = {"total": line["quantity"] * line["price"]}
    taken = change(reason="Sem estoque", removed=(swap("1", 1, 1000),))
    before = reading(encoded(document(*twins, totals={"Items": 3200})))
    value = 3200 - prices[line_id]
    after = reading(encoded(document(*left, totals={"Items": value}, **changed(taken))))
    asked = {"reason": "Sem estoque", "remove": [{"line_id": line_id, "quantity": 1}]}

    assert told(before, after, asked) == ([], (value, value))


def test_a_value_that_the_erp_could_not_foresee_is_told() -> None:
    """VTEX took the freight off as well."""
    totals = {"Items": 3500, "Shipping": 0, "Change": -1000}
    after = reading(encoded(document(*ITEMS, totals=totals, **changed(ONE_TAKEN))))

    assert told(sold(), after, TAKE_ONE) == ([], (3200, 2500))


SHAPES = [
    Dials(change_seconds=0, changes_leave_items=leaves, removed_lines_linger=lingers)
    for leaves, lingers in product((0.0, 1.0), (False, True))
]


@pytest.mark.parametrize("dials", SHAPES, ids=["rewritten", "lingering", "left", "left lingering"])
@pytest.mark.parametrize("seed", range(6))
def test_changes_of_orders_of_all_kinds_are_told_apart(dials: Dials, seed: int) -> None:
    """Whatever VTEX makes of `items[]`: the ERP's removal is its own, the person's is told."""
    box = Box(seed=seed, dials=dials)
    vtex = client_in(box)
    for order_id in box.create_orders(10, handling=True):
        before = reading(vtex.get_order(order_id))
        # A gift that is removed and lingers shows in no amount.
        lines = [line for line in box.order(order_id).lines if line.total]
        if sum(line.quantity for line in lines) < 3 or lines[0].quantity < 2:
            continue
        mine, another = removal(lines[0], "ERP"), removal(lines[-1], "Admin")
        # The ERP named the line alone.
        asked = ChangeBody.model_validate(
            {"reason": "ERP", "remove": [{"line_id": lines[0].line_id, "quantity": 1}]}
        )

        vtex.create_change(order_id, mine)
        own_only = reading(vtex.get_order(order_id))
        vtex.create_change(order_id, another)
        both = reading(vtex.get_order(order_id))

        assert changes_by_others(before, own_only, [asked], revision=2).is_empty
        changes = changes_by_others(before, both, [asked], revision=2)
        moved = [(row.sku, pieces(row.before) - pieces(row.after)) for row in changes.lines]
        assert [row for row in moved if row[1]] == [(lines[-1].sku, 1)]


def removal(line: LineView, reason: str) -> ChangeBody:
    item = {"line_id": line.line_id, "sku": line.sku, "quantity": 1}
    return ChangeBody.model_validate({"reason": reason, "remove": [item]})


def pieces(state: LineState | None) -> int:
    return state.quantity if state else 0
