"""The demo sums an order up by itself, and sees a cent."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.demo.evidence_makers import broken, erp, judged, vtex

from orders_sync.demo import sums
from orders_sync.demo.records import SoldLine

LINES = (SoldLine("A", "10", 1, 500, 60, 90), SoldLine("B", "11", 2, 700))
SOLD = vtex(lines=LINES, value_cents=1790, freight_cents=450, other_cents=-10)
HAS = erp(lines=LINES, value_cents=1790, freight_cents=500, beside_cents=-50, other_cents=-10)


def test_an_order_with_all_parts_is_equal_to_the_cent() -> None:
    assert sums.adds_up(HAS)
    assert sums.is_as_sold(SOLD, HAS)
    assert sums.is_as_sold(SOLD, replace(HAS, other_cents=0, difference_cents=-10))


@pytest.mark.parametrize(
    "wrong",
    [
        {"freight_cents": 501},
        {"beside_cents": 0},
        {"other_cents": 0},
        {"changes_cents": 1},
        {"difference_cents": 1},
        {"value_cents": 1789},
        {"lines": (replace(LINES[0], tax_cents=59), LINES[1])},
        {"lines": (replace(LINES[0], service_cents=0), LINES[1])},
        {"lines": (replace(LINES[0], total_cents=501), LINES[1])},
    ],
)
def test_a_cent_too_much_breaks_the_promise(wrong: dict[str, Any]) -> None:
    package = replace(SOLD.packages[0], value_cents=1790)
    sold = replace(SOLD, packages=(package,))

    assert broken(judged((sold,), (HAS,))) == set()
    assert not sums.adds_up(replace(HAS, **wrong))
    assert "nothing_doubled" in broken(judged((sold,), (replace(HAS, **wrong),)))


def test_two_wrong_parts_that_cancel_out_are_seen_too() -> None:
    has = replace(HAS, freight_cents=501, other_cents=-11)

    assert sums.adds_up(has)
    assert not sums.is_as_sold(SOLD, has)


def test_the_sum_shares_no_code_with_what_it_judges() -> None:
    tree = ast.parse(Path(sums.__file__).read_text())
    imported = {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }

    assert not [
        name for name in imported if name.startswith(("orders_sync.domain", "orders_sync.vtex"))
    ]
