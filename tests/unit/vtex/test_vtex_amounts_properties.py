"""Whatever an order's document looks like, its parts add up, and no change is counted twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.order_documents import change, changed, document, encoded, swap

from orders_sync.domain.order import Order
from orders_sync.erp.staging_rows import line_rows, order_row, service_rows
from orders_sync.errors import Unreadable
from orders_sync.vtex.translate import fulfilment, order

PAGE = Path(__file__).parents[3] / "docs" / "staging-tables.md"

#: How VTEX may tell of a change: by a total Change, by the other totals, or in the lines.
SHAPES = ("left alone", "left alone, sums rewritten", "rewritten")


@dataclass(frozen=True)
class Bought:
    """What the shopper has of one SKU."""

    sku: str
    quantity: int
    unit_cents: int
    multiplier: float
    discount_cents: int
    tax_cents: int
    service_cents: int

    @property
    def gross_cents(self) -> int:
        exact = Decimal(self.unit_cents) * Decimal(str(self.multiplier)) * self.quantity
        return int(exact.to_integral_value(ROUND_HALF_UP))

    @property
    def total_cents(self) -> int:
        return self.gross_cents - self.discount_cents


@dataclass(frozen=True)
class Case:
    """An order as it was sold, what was changed, and how VTEX tells of it."""

    sold: tuple[Bought, ...]
    removed: tuple[tuple[int, int], ...]
    added: tuple[Bought, ...]
    shape: str
    freight_cents: int
    marketplace_cents: int
    tells_total: bool
    is_chain: bool
    by_service: bool


@st.composite
def bought(draw: st.DrawFn, sku: str, *, plain: bool = False) -> Bought:
    row = Bought(
        sku=sku,
        quantity=draw(st.integers(1, 5)),
        unit_cents=draw(st.integers(100, 9_999)),
        multiplier=1.0 if plain else draw(st.sampled_from((1.0, 1.0, 0.3, 0.25, 2.0, 1.234))),
        discount_cents=0,
        tax_cents=0 if plain else draw(st.sampled_from((0, 0, 1, 215))),
        service_cents=0 if plain else draw(st.sampled_from((0, 0, 90))),
    )
    if plain:
        return row
    return replace(row, discount_cents=draw(st.sampled_from((0, 0, row.gross_cents // 3))))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 4))
    is_changed = draw(st.booleans())
    # A change of one piece in three of a line has to be priced in whole cents to be told apart.
    sold = tuple(draw(bought(f"{place}", plain=is_changed)) for place in range(count))
    removed = tuple(
        (place, draw(st.integers(1, sold[place].quantity)))
        for place in draw(st.sets(st.integers(1, count - 1)) if count > 1 else st.just(set()))
    )
    added = tuple(
        draw(bought(f"new{place}", plain=True)) for place in range(draw(st.integers(0, 2)))
    )
    return Case(
        sold=sold,
        removed=removed if is_changed else (),
        added=added if is_changed else (),
        shape=draw(st.sampled_from(SHAPES)),
        freight_cents=draw(st.sampled_from((0, 733))),
        marketplace_cents=draw(st.sampled_from((0, 0, -184))),
        tells_total=draw(st.booleans()),
        is_chain=draw(st.booleans()),
        by_service=draw(st.booleans()),
    )


def what_is_left(case: Case) -> list[Bought]:
    gone = dict(case.removed)
    kept = [
        replace(row, quantity=row.quantity - gone.get(at, 0)) for at, row in enumerate(case.sold)
    ]
    return [row for row in (*kept, *case.added) if row.quantity]


def line(row: Bought, case: Case, place: int) -> dict[str, Any]:
    tags = []
    if row.discount_cents:
        tags.append({"name": "discount@price-1", "value": -row.discount_cents})
    tax, of_line = row.tax_cents, row.tax_cents * row.quantity
    if case.by_service and of_line:
        tags.append({"name": "TAXHUB@1", "value": of_line})
        tax = 0
    defined = row.gross_cents if case.is_chain else row.total_cents
    service = {"id": 1, "name": "Wrap", "price": row.service_cents, "quantity": 1}
    return {
        "uniqueId": f"U{place}",
        "id": row.sku,
        "quantity": row.quantity,
        "price": row.unit_cents,
        "sellingPrice": row.total_cents // row.quantity,
        "unitMultiplier": row.multiplier,
        "tax": tax,
        "priceTags": tags,
        "bundleItems": [service] if row.service_cents else [],
        **({"priceDefinition": {"total": defined}} if case.tells_total or case.is_chain else {}),
    }


def sums(rows: list[Bought], case: Case) -> dict[str, int]:
    return {
        "Items": sum(row.gross_cents + row.service_cents for row in rows),
        "Discounts": -sum(row.discount_cents for row in rows),
        "Shipping": case.freight_cents,
        "Tax": sum(row.tax_cents * row.quantity for row in rows),
        "DiscountMarketplace": case.marketplace_cents,
    }


def written(case: Case) -> dict[str, Any]:
    """Write the order as VTEX does."""
    left = what_is_left(case)
    value = sum(sums(left, case).values())
    shown = left if case.shape == "rewritten" else list(case.sold)
    totals = sums(list(case.sold) if case.shape == "left alone" else left, case)
    if case.shape == "left alone" and (case.removed or case.added):
        totals["Change"] = value - sum(totals.values())
    removed = tuple(swap(case.sold[at].sku, n, case.sold[at].unit_cents) for at, n in case.removed)
    added = tuple(swap(row.sku, row.quantity, row.unit_cents) for row in case.added)
    told = changed(change(added=added, removed=removed)) if removed or added else {}
    lines = [line(row, case, place) for place, row in enumerate(shown)]
    origin = "Chain" if case.is_chain else "Marketplace"
    return document(*lines, totals=totals, value=value, origin=origin, **told)


def spelt(value: Any, odd: Callable[[], str]) -> Any:
    """Spell numbers as text or as a float where `odd` says so, also nested."""
    if isinstance(value, dict):
        return {key: spelt(part, odd) for key, part in value.items()}
    if isinstance(value, list):
        return [spelt(part, odd) for part in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return {"text": str(value), "float": float(value)}.get(odd(), value)
    return value


#: What docs/staging-tables.md adds up to `value_cents`.
ADDED_UP = re.findall(r"`(\w+_cents)` (?:[+]|is `value_cents`)", PAGE.read_text())


def check_rows(found: Order) -> None:
    """Check what an ERP sees: the columns that the page adds up, and the lines' own rows."""
    row, lines = order_row(found), line_rows(found)
    assert sum(row[name] for name in ADDED_UP) == row["value_cents"]
    assert sum(line["total_cents"] for line in lines) == row["lines_cents"]
    assert sum(line["tax_cents"] for line in lines) == row["line_taxes_cents"]
    assert sum(service["total_cents"] for service in service_rows(found)) == row["services_cents"]


def check_sum(found: Order) -> None:
    check_rows(found)
    parts = found.reckoning
    assert found.value_cents == (
        parts.lines_cents
        + parts.services_cents
        + parts.freight_cents
        + parts.discounts_cents
        + parts.tax_cents
        + parts.changes_cents
        + parts.other_cents
        + parts.difference_cents
    )
    assert parts.lines_cents == sum(line.total_cents for line in found.lines)
    assert parts.tax_cents == sum(line.tax_cents for line in found.lines)
    assert (parts.reason is None) == (parts.difference_cents == 0)


@settings(max_examples=400, deadline=None)
@given(cases(), st.data())
def test_the_lines_are_what_the_shopper_has_and_all_adds_up(
    case: Case, data: st.DataObject
) -> None:
    written_so = spelt(
        written(case), lambda: data.draw(st.sampled_from(("number",) * 6 + ("text", "float")))
    )

    found = order("mystore", encoded(written_so))

    left = what_is_left(case)
    assert [(row.sku, row.quantity, row.total_cents, row.tax_cents) for row in found.lines] == [
        (row.sku, row.quantity, row.total_cents, row.tax_cents * row.quantity) for row in left
    ]
    assert found.reckoning.difference_cents == 0
    assert found.reckoning.changes_cents == 0
    assert found.reckoning.services_cents == sum(row.service_cents for row in left)
    check_sum(found)
    told = fulfilment(encoded(written_so)).lines
    assert [(row.sku, row.quantity, row.total_cents) for row in told] == [
        (row.sku, row.quantity, row.total_cents) for row in found.lines
    ]


@settings(max_examples=200, deadline=None)
@given(cases(), st.data())
def test_no_piece_is_counted_twice_whatever_the_value_is(case: Case, data: st.DataObject) -> None:
    wrong = written(case)
    wrong["value"] = data.draw(st.integers(0, 100_000))
    for total in wrong["totals"]:
        if data.draw(st.integers(0, 4)) == 0:
            total["value"] = data.draw(st.integers(-50_000, 100_000))

    found = order("mystore", encoded(wrong))

    check_sum(found)
    pieces = Counter[str]()
    for row in found.lines:
        pieces[row.sku] += row.quantity
    shown = Counter[str]({row["id"]: row["quantity"] for row in wrong["items"]})
    gained = Counter[str]({row.sku: row.quantity for row in case.added})
    assert all(0 < count <= shown[sku] + gained[sku] for sku, count in pieces.items())


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(-900, 900).filter(bool), st.booleans(), st.data())
def test_the_columns_add_up_with_a_manual_price_and_any_service(
    case: Case, manual_cents: int, in_value: bool, data: st.DataObject
) -> None:
    whole = written(replace(case, removed=(), added=()))
    for row in whole["items"]:
        for service in row["bundleItems"]:
            service["quantity"] = data.draw(st.integers(0, 3))
    whole["totals"].append({"id": "Change", "name": "Change", "value": manual_cents})
    whole["value"] += manual_cents if in_value else 0
    amount = "incrementValue" if manual_cents > 0 else "discountValue"
    whole |= changed({**change(), amount: abs(manual_cents)})

    check_sum(order("mystore", encoded(whole)))


TEXT = st.text(max_size=5)
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)

#: Parts that say nothing about what the ERP has to ship or what it costs.
BESIDE = {
    "items": ("priceTags", "bundleItems", "components", "unitMultiplier", "listPrice", "uniqueId"),
    "shipping": ("deliveryWindow", "addressId", "pickupStoreInfo"),
    "order": ("invoiceData", "openTextField", "customData", "roundingError", "affiliateId"),
}


@settings(max_examples=300, deadline=None)
@given(cases(), st.data())
def test_an_odd_part_keeps_no_order_back(case: Case, data: st.DataObject) -> None:
    whole = written(case)
    whole["shippingData"] = {"logisticsInfo": [{"itemIndex": 0, "price": 1}]}
    for row in whole["items"]:
        for name in BESIDE["items"]:
            if name != "uniqueId" and data.draw(st.booleans()):
                row[name] = data.draw(ODD if name != "unitMultiplier" else st.none() | st.floats())
    for name in BESIDE["shipping"]:
        whole["shippingData"]["logisticsInfo"][0][name] = data.draw(ODD)
    for name in BESIDE["order"]:
        whole[name] = data.draw(ODD)

    check_sum(order("mystore", json.dumps(whole).encode()))


@settings(max_examples=300, deadline=None)
@given(cases(), st.data())
def test_what_is_read_adds_up_and_nothing_else_is_raised(case: Case, data: st.DataObject) -> None:
    whole = written(case)
    part = data.draw(st.sampled_from([whole, *whole["items"], *whole["totals"]]))
    name = data.draw(st.sampled_from(sorted(part)))
    if data.draw(st.booleans()):
        del part[name]
    else:
        part[name] = data.draw(ODD)

    try:
        found = order("mystore", json.dumps(whole).encode())
    except Unreadable:
        return  # The message names the place: see test_vtex_translate.
    check_sum(found)
