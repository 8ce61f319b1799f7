"""Changes are counted into an order's lines once, and only where `items[]` was left alone."""

from __future__ import annotations

from typing import Any

import pytest
from support.order_documents import change, changed, document, encoded, item, read, swap

from orders_sync.domain.amounts import Reason, Reckoning
from orders_sync.domain.order import Order
from orders_sync.vtex.translate import fulfilment

ITEMS = (item("1", 3, 1000), item("2", 1, 500))
SOLD = {"Items": 3500, "Shipping": 700}


def pieces(order: Order) -> list[tuple[str, int, int]]:
    return [(line.sku, line.quantity, line.total_cents) for line in order.lines]


def left_alone(*changes: dict[str, Any], by: int, items: Any = ITEMS, **rest: Any) -> Order:
    """Read an order whose `items[]` is as it was sold, beside a total Change."""
    data = document(*items, totals={**SOLD, "Change": by}, **changed(*changes), **rest)
    told = fulfilment(encoded(data))
    order = read(data)
    assert pieces(order) == [(line.sku, line.quantity, line.total_cents) for line in told.lines]
    assert order.reckoning.difference_cents == 0
    return order


@pytest.mark.parametrize(
    ("changes", "by", "left"),
    [
        pytest.param(
            [change(removed=(swap("2", 1, 500),))], -500, [("1", 3, 3000)], id="a line is gone"
        ),
        pytest.param(
            [change(removed=(swap("1", 1, 1000),))],
            -1000,
            [("1", 2, 2000), ("2", 1, 500)],
            id="a line is less",
        ),
        pytest.param(
            [change(removed=(swap("1", 1, 1000),)), change(removed=(swap("1", 2, 1000),))],
            -3000,
            [("2", 1, 500)],
            id="gone by two changes",
        ),
        pytest.param(
            [change(added=(swap("3", 2, 250),))],
            500,
            [("1", 3, 3000), ("2", 1, 500), ("3", 2, 500)],
            id="a SKU is new",
        ),
        pytest.param(
            [change(added=(swap("1", 1, 1000),))],
            1000,
            [("1", 4, 4000), ("2", 1, 500)],
            id="a line is more",
        ),
        pytest.param(
            [change(added=(swap("1", 1, 900),))],
            900,
            [("1", 3, 3000), ("2", 1, 500), ("1", 1, 900)],
            id="more at another price",
        ),
        pytest.param(
            [change(added=(swap("3", 1, 500),), removed=(swap("2", 1, 500),))],
            0,
            [("1", 3, 3000), ("3", 1, 500)],
            id="swapped for the same price",
        ),
        pytest.param(
            [change(added=(swap("3", 1, 500),)), change(removed=(swap("3", 1, 500),))],
            0,
            [("1", 3, 3000), ("2", 1, 500)],
            id="added and removed again",
        ),
        pytest.param(
            [change(removed=(swap("2", 1, None),))], -500, [("1", 3, 3000)], id="without a price"
        ),
        pytest.param(
            [change(removed=(swap("2", 0, 500), swap("", 0, None)), added=(swap("2", -1, 500),))],
            -100,
            [("1", 3, 3000), ("2", 1, 500)],
            id="of no pieces",
        ),
        pytest.param(
            [change(discountValue=100)], -100, [("1", 3, 3000), ("2", 1, 500)], id="money"
        ),
    ],
)
def test_lines_are_as_the_change_left_them(
    changes: list[dict[str, Any]], by: int, left: list[tuple[str, int, int]]
) -> None:
    assert pieces(left_alone(*changes, by=by)) == left


def test_what_a_change_took_beside_its_items_is_told() -> None:
    order = left_alone(change(removed=(swap("2", 1, 500),), discountValue=750), by=-750)

    assert order.reckoning == Reckoning(lines_cents=3000, freight_cents=700, changes_cents=-250)


def test_the_places_of_the_lines_stay() -> None:
    order = left_alone(
        change(added=(swap("3", 1, 3000),), removed=(swap("1", 3, 1000),)),
        by=0,
        shippingData={
            "address": {"addressId": "A", "city": "Olinda"},
            "logisticsInfo": [{"itemIndex": 0}, {"itemIndex": 1, "price": 700}],
        },
    )

    assert [(line.index, line.line_id, line.name) for line in order.lines] == [
        (1, "U2", "Item 2"),
        (2, "", "Item 3"),
    ]
    assert [(at.line_index, at.price_cents) for at in order.deliveries] == [(1, 700), (2, 0)]


def test_the_tax_of_removed_pieces_is_gone_too() -> None:
    taxed = item("1", 3, 1000, tax=10)

    order = left_alone(
        change(removed=(swap("1", 1, 1000),)),
        by=-1010,
        items=(taxed, ITEMS[1]),
        value=3500 + 700 + 30 - 1010,
    )

    assert order.lines[0].tax_cents == 20
    assert order.reckoning.changes_cents == 0


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        pytest.param({"price": 2000}, {"price": 2000, "unitMultiplier": 0.412}, id="of a kilogram"),
        pytest.param({"price": 700}, {"price": 824, "unitMultiplier": 0.412}, id="of a piece"),
        pytest.param({"price": 2000}, {"price": 2000, "unitMultiplier": "0.412"}, id="as text"),
    ],
)
def test_the_weight_that_was_picked_is_the_lines(
    removed: dict[str, Any], added: dict[str, Any]
) -> None:
    fish = item("5", 1, 2000, unitMultiplier=0.35, sellingPrice=700, measurementUnit="kg")
    data = document(
        fish,
        totals={"Items": 700, "Change": 124},
        **changed(
            change(
                removed=({**swap("5", 1, None), **removed},),
                added=({**swap("5", 1, None), **added},),
            )
        ),
    )

    (line,) = read(data).lines

    assert (line.line_id, line.quantity, line.unit_multiplier) == ("U5", 1, 0.412)
    assert (line.selling_price_cents, line.total_cents) == (824, 824)
    assert read(data).reckoning == Reckoning(lines_cents=824)


def test_pieces_of_one_sku_are_taken_from_the_line_of_their_price() -> None:
    items = (item("1", 1, 0, uniqueId="GIFT"), item("1", 3, 1000), ITEMS[1])

    order = left_alone(change(removed=(swap("1", 1, 1000),)), by=-1000, items=items)

    assert pieces(order) == [("1", 1, 0), ("1", 2, 2000), ("2", 1, 500)]


def test_a_line_that_the_change_names_is_the_one() -> None:
    items = (item("1", 1, 1000, uniqueId="A"), item("1", 2, 1000, uniqueId="B"), ITEMS[1])
    by_line = swap("1", 1, 1000, uniqueId="B")

    order = left_alone(change(removed=(by_line,)), by=-1000, items=items)

    assert [(line.line_id, line.quantity) for line in order.lines] == [
        ("A", 1),
        ("B", 1),
        ("U2", 1),
    ]


@pytest.mark.parametrize(
    ("items", "totals", "changes"),
    [
        pytest.param(
            (item("1", 2, 1000), item("2", 1, 500)),
            {"Items": 2500, "Shipping": 700},
            [change(removed=(swap("1", 1, 1000),))],
            id="a line is less, and no total tells of it",
        ),
        pytest.param(
            (item("1", 2, 1000), item("2", 1, 500)),
            {"Items": 2500, "Shipping": 700, "Change": -150},
            [change(removed=(swap("1", 1, 1000),), discountValue=150)],
            id="a total of a discount beside",
        ),
        pytest.param(
            (item("1", 3, 1000),),
            {"Items": 3000, "Shipping": 700, "Change": 0},
            [change(removed=(swap("2", 1, 500),))],
            id="a line is gone, and the total is nothing",
        ),
        pytest.param(
            (item("1", 3, 1000), item("2", 1, 500), item("3", 1, 800)),
            {"Items": 4300, "Shipping": 700},
            [change(added=(swap("3", 1, 800),))],
            id="a SKU is new",
        ),
        pytest.param(
            (item("1", 2, 1000), item("2", 2, 1000)),
            {"Items": 4000, "Shipping": 700},
            [change(added=(swap("2", 1, 1000),), removed=(swap("1", 1, 1000),))],
            id="a piece of one SKU for one of another",
        ),
        pytest.param(
            (item("1", 1, 1000), item("2", 1, 500)),
            {"Items": 1500, "Shipping": 700, "Change": -1000},
            [change(removed=(swap("1", 2, 1000),), discountValue=1000)],
            id="more removed than there is, and a discount of a piece's price",
        ),
    ],
)
def test_a_change_that_is_in_the_lines_is_not_counted_again(
    items: Any, totals: dict[str, int], changes: list[dict[str, Any]]
) -> None:
    order = read(document(*items, totals=totals, **changed(*changes)))

    assert pieces(order) == [
        (line["id"], line["quantity"], line["price"] * line["quantity"]) for line in items
    ]
    assert order.reckoning.difference_cents == 0


def test_a_total_that_only_tells_of_a_change_is_not_counted() -> None:
    totals = {"Items": 2500, "Shipping": 700, "Change": -1000}
    data = document(
        item("1", 2, 1000),
        item("2", 1, 500),
        totals=totals,
        value=3200,
        **changed(change(removed=(swap("1", 1, 1000),))),
    )

    assert pieces(read(data)) == [("1", 2, 2000), ("2", 1, 500)]
    assert read(data).reckoning == Reckoning(lines_cents=2500, freight_cents=700)


@pytest.mark.parametrize(
    ("totals", "value"),
    [
        pytest.param({"Items": 3000, "Shipping": 700}, 3700, id="the total Items"),
        pytest.param({"Items": 3500, "Shipping": 700}, 3700, id="the value alone"),
        pytest.param({}, 3000, id="the value, without any totals"),
    ],
)
def test_lines_that_do_not_add_up_without_the_change_get_it(
    totals: dict[str, int], value: int
) -> None:
    removal = changed(change(removed=(swap("2", 1, 500),)))

    order = read(document(*ITEMS, totals=totals, value=value, **removal))

    assert pieces(order) == [("1", 3, 3000)]
    assert order.reckoning.difference_cents == 0


def test_a_removed_line_that_lingers_beside_an_added_one_is_gone() -> None:
    lines = (item("1", 3, 1000), item("3", 1, 800), item("2", 1, 500))
    both = changed(change(added=(swap("3", 1, 800),), removed=(swap("2", 1, 500),)))

    order = read(document(*lines, totals={"Items": 3800, "Shipping": 700}, **both))

    assert pieces(order) == [("1", 3, 3000), ("3", 1, 800)]


def test_a_removed_line_that_lingers_beside_one_of_its_sku_is_gone() -> None:
    lines = (item("1", 2, 1000), item("1", 1, 900, uniqueId="LINGERS"), item("2", 1, 500))
    removed = change(removed=(swap("1", 4, 1000),)), change(removed=(swap("1", 1, 1000),))

    order = read(document(*lines, totals={"Items": 2500, "Shipping": 700}, **changed(*removed)))

    assert [(line.line_id, line.quantity) for line in order.lines] == [("U1", 2), ("U2", 1)]
    assert order.reckoning.difference_cents == 0


def test_an_added_sku_without_its_price_is_a_line_and_the_change_has_the_price() -> None:
    order = left_alone(change(added=(swap("3", 2, None),)), by=900)

    assert pieces(order) == [("1", 3, 3000), ("2", 1, 500), ("3", 2, 0)]
    assert order.reckoning.changes_cents == 900


def test_an_added_sku_whose_price_is_far_from_the_change_is_a_line() -> None:
    order = left_alone(change(added=(swap("3", 2, 5000),)), by=900)

    assert pieces(order)[-1] == ("3", 2, 10000)
    assert order.reckoning.changes_cents == -9100


def test_an_added_sku_that_no_line_has_is_a_line_also_where_the_sum_stays() -> None:
    both = changed(change(added=(swap("3", 1, 500),), removed=(swap("2", 1, 500),)))

    order = read(document(*ITEMS, totals=SOLD, **both))

    assert pieces(order) == [("1", 3, 3000), ("3", 1, 500)]


def test_a_marketplaces_order_that_differs_by_right_keeps_its_lines() -> None:
    removal = changed(change(removed=(swap("1", 1, 1000),)))
    lines = (item("1", 2, 1000), item("2", 1, 500))

    order = read(
        document(*lines, totals={"Items": 2500}, value=1700, origin="Fulfillment", **removal)
    )

    assert pieces(order) == [("1", 2, 2000), ("2", 1, 500)]
    assert (order.reckoning.difference_cents, order.reckoning.reason) == (-800, Reason.MARKETPLACE)


def test_the_services_of_a_removed_line_are_gone_with_it() -> None:
    wrapped = item("2", 1, 500, bundleItems=[{"id": 1, "price": 90, "quantity": 1}])
    removal = changed(change(removed=(swap("2", 1, 500),)))

    order = read(document(ITEMS[0], wrapped, totals={"Items": 3590, "Change": -590}, **removal))

    assert pieces(order) == [("1", 3, 3000)]
    assert order.reckoning == Reckoning(lines_cents=3000)
