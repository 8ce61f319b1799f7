"""The adapter guide names every field that an ERP may read of an order."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from orders_sync.domain.order import (
    ChargedService,
    Component,
    Customer,
    Delivery,
    Order,
    OrderLine,
    Payment,
    Totals,
)

GUIDE = Path(__file__).parents[2] / "docs" / "writing-an-erp-adapter.md"


@pytest.mark.parametrize(
    "part", [Order, OrderLine, Delivery, Payment, Component, ChargedService, Totals]
)
def test_the_guide_names_each_field(part: type) -> None:
    section = GUIDE.read_text().partition("## Reading the order")[2].partition("\n## ")[0]
    named = set(re.findall(r"\b[a-z_]+\b", section))

    assert {field.name for field in fields(part)} - named == set()


def test_the_guide_says_where_the_customers_fields_are() -> None:
    names = {field.name for field in fields(Customer)}

    assert {"state_inscription", "trade_name"} <= names
    assert "`clientProfileData`" in GUIDE.read_text()
