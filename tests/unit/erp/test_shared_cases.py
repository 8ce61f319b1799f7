"""Orders that were seen to be read wrongly, kept beside the repository, each with its answer.

Without that folder these are skipped; the tests beside them say the same with orders of our own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Table, select
from unit.erp.erp_sql import MakeStaging

from orders_sync.domain.events import OrderEvent
from orders_sync.erp.staging_tables import (
    ERP_ORDER_COMPONENTS,
    ERP_ORDER_LINES,
    ERP_ORDER_SERVICES,
    ERP_ORDERS,
)
from orders_sync.vtex.feed import event
from orders_sync.vtex.translate import fulfilment, order

CASES = Path(__file__).parents[4] / "shared" / "cases" / "vtex"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"there are no cases in {CASES}")

#: Cases whose answer is what stands in the ERP's tables.
IN_TABLES = ("01", "02", "03", "04", "12", "13", "14", "15", "16", "21", "52")


class Rows:
    """What the ERP's tables say of the one order in them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, table: Table) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            found = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc.isoformat().replace("+00:00", "Z")
    return value


def case_of(number: str) -> Path:
    (folder,) = CASES.glob(f"{number}-*")
    return folder


def document_of(number: str) -> bytes:
    return (case_of(number) / "order.json").read_bytes()


def has(row: dict[str, Any], expected: dict[str, Any]) -> None:
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("number", IN_TABLES)
def test_the_tables_have_the_answer(number: str, make_staging: MakeStaging, tables: Engine) -> None:
    expected = json.loads((case_of(number) / "expected.json").read_text())

    make_staging("lab").place_order(order("lab", document_of(number)))

    rows = Rows(tables)
    (placed,), lines = rows.of(ERP_ORDERS), rows.of(ERP_ORDER_LINES)
    checked = 0
    for about, answer in expected.items():
        match about:
            case "erp_order_lines":
                assert len(lines) == len(answer)
                for line, wanted_line in zip(lines, answer, strict=True):
                    has(line, wanted_line)
            case "erp_order_lines[0]":
                has(lines[0], answer)
            case "erp_orders":
                has(placed, answer)
            case "erp_orders.payments[0]":
                has(json.loads(placed["payments"])[0], answer)
            case "something like erp_order_components":
                components = rows.of(ERP_ORDER_COMPONENTS)
                assert len(components) == len(answer)
                for component, wanted_one in zip(components, answer, strict=True):
                    has(component, wanted_one)
            case "erp_orders.other_cents":
                assert placed["other_cents"] == answer
            case _:
                continue
        checked += 1
    assert checked
    assert placed["difference_cents"] == 0


@pytest.mark.parametrize("number", ["10", "10b", "18"])
def test_odd_texts_reach_the_tables_and_the_document_stays(
    number: str, make_staging: MakeStaging, tables: Engine
) -> None:
    document = document_of(number)

    make_staging("lab").place_order(order("lab", document))

    (placed,), (line,) = Rows(tables).of(ERP_ORDERS), Rows(tables).of(ERP_ORDER_LINES)
    assert (placed["state"], placed["document"]) == ("new", document)
    assert len(placed["customer_phone"]) <= 255
    if number == "10b":
        assert line["name"] == "Caneca\ufffdX"


def test_services_and_lines_make_the_sum(make_staging: MakeStaging, tables: Engine) -> None:
    make_staging("lab").place_order(order("lab", document_of("14b")))

    (service,) = Rows(tables).of(ERP_ORDER_SERVICES)
    (line,) = Rows(tables).of(ERP_ORDER_LINES)
    assert service["total_cents"] + line["total_cents"] == 20300


def test_the_feed_item_without_its_time_is_an_event() -> None:
    item = json.loads((case_of("18") / "feed_item.json").read_text())

    read = event(item)

    assert isinstance(read, OrderEvent)
    assert (read.order_id, read.handle) == (item["orderId"], item["handle"])


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        ("02", [("501", 1, 4000, 4000, 0)]),
        ("03", [("501", 1, 4000, 4000, 0), ("502", 1, 3290, 3290, 0)]),
        ("06", [("4", 3, 599, 1797, 645)]),
    ],
)
def test_what_an_invoice_counts_by_is_what_the_shopper_has(
    number: str, lines: list[tuple[str, int, int, int, int]]
) -> None:
    assert [
        (line.sku, line.quantity, line.selling_price_cents, line.total_cents, line.tax_cents)
        for line in fulfilment(document_of(number)).lines
    ] == lines
