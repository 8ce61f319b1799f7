"""An order that changed is written anew, once, until the ERP's row says that it is too late."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from unit.erp.erp_sql import ErpSql, MakeStaging

from orders_sync.domain.amounts import ChargedService
from orders_sync.domain.differences import Changes, compare
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer, ChangeAnswer
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_tables import (
    ERP_ORDER_CHANGES,
    ERP_ORDER_LINES,
    ERP_ORDER_SERVICES,
    ERP_ORDERS,
)
from orders_sync.errors import ConfigurationError, ErpRefused
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_line, make_order

WRAP = ChargedService("7", "Wrap", "Gift", 1, 150)
ORDER = make_order(lines=[make_line(0, quantity=3, services=(WRAP,)), make_line(1)])
TAKE = "UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP WHERE state = 'new' AND taken_at IS NULL"
MAY_CHANGE = "UPDATE erp_orders SET takes_changes = TRUE"
MAY_NOT = "UPDATE erp_orders SET takes_changes = FALSE"


def changed(pieces: int, revision: int = 2) -> tuple[Order, Changes]:
    """Take pieces of the first line, and the second line whole, and send it elsewhere."""
    line = replace(ORDER.lines[0], quantity=pieces, total_cents=pieces * 100, services=())
    assert ORDER.address is not None
    address = replace(ORDER.address, city="Manaus")
    deliveries = (replace(ORDER.deliveries[0], address=address, company="Jet"),)
    order = replace(
        ORDER, lines=(line,), value_cents=pieces * 100, address=address, deliveries=deliveries
    )
    return order, compare(ORDER, order, revision=revision)


def rows(tables: Engine, table: Any) -> list[dict[str, Any]]:
    with tables.connect() as connection:
        chosen = select(table).order_by(*table.primary_key.columns)
        return [dict(row) for row in connection.execute(chosen).mappings()]


def pieces(tables: Engine) -> list[tuple[str, int]]:
    return [(row["sku"], row["quantity"]) for row in rows(tables, ERP_ORDER_LINES)]


def revision(tables: Engine) -> int:
    [row] = rows(tables, ERP_ORDERS)
    return int(row["revision"])


def test_an_order_that_changed_is_written_anew_with_the_old_beside_the_new(
    staging: StagingErp, tables: Engine, clock: SettableClock
) -> None:
    receipt = staging.place_order(ORDER)
    other = make_order("another-01")
    staging.place_order(other)

    answer = staging.order_changed(*changed(2))

    row, *others = (row for row in rows(tables, ERP_ORDERS) if row["order_id"] == ORDER.order_id)
    assert (answer, others) == (ChangeAnswer.TAKEN, [])
    assert (row["revision"], row["state"], row["ship_city"]) == (2, "new", "Manaus")
    assert row["value_cents"] == 200
    assert row["reference"] == receipt.reference
    assert row["changed_at"].replace(tzinfo=UTC) == clock()
    lines = [row for row in rows(tables, ERP_ORDER_LINES) if row["order_id"] == ORDER.order_id]
    assert [(row["sku"], row["quantity"], row["ship_city"]) for row in lines] == [
        (ORDER.lines[0].sku, 2, "Manaus")
    ]
    assert len(rows(tables, ERP_ORDER_LINES)) == 1 + len(other.lines)
    assert rows(tables, ERP_ORDER_SERVICES) == []
    told = [
        (row["what"], row["sku"], row["quantity_before"], row["quantity_after"])
        for row in rows(tables, ERP_ORDER_CHANGES)
    ]
    assert told[:2] == [
        ("line", ORDER.lines[0].sku, 3, 2),
        ("line", ORDER.lines[1].sku, ORDER.lines[1].quantity, None),
    ]
    assert {what for what, *_ in told[2:]} >= {"value", "carrier", "delivery address"}
    [value] = [row for row in rows(tables, ERP_ORDER_CHANGES) if row["what"] == "value"]
    assert (value["total_before_cents"], value["total_after_cents"]) == (ORDER.value_cents, 200)
    [carrier] = [row for row in rows(tables, ERP_ORDER_CHANGES) if row["what"] == "carrier"]
    assert "Jet" in carrier["text_after"]


def test_a_change_is_taken_once_and_never_after_a_later_one(
    staging: StagingErp, make_staging: MakeStaging, tables: Engine
) -> None:
    staging.place_order(ORDER)

    answers = [
        staging.order_changed(*changed(2)),
        make_staging().order_changed(*changed(2)),
        staging.order_changed(*changed(1, revision=3)),
        staging.order_changed(*changed(2)),
    ]

    assert answers == [ChangeAnswer.TAKEN] * 4
    assert pieces(tables) == [(ORDER.lines[0].sku, 1)]
    assert revision(tables) == 3
    told = [(row["revision"], row["change_index"]) for row in rows(tables, ERP_ORDER_CHANGES)]
    assert len(told) == len(set(told))
    assert {number for number, _ in told} == {2, 3}


def test_changes_that_race_leave_the_latest(
    staging: StagingErp, make_staging: MakeStaging, tables: Engine
) -> None:
    staging.place_order(ORDER)
    erps = [make_staging() for _ in range(2)]

    def change(number: int) -> ChangeAnswer:
        return erps[number % 2].order_changed(*changed(number, revision=number))

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(change, (7, 2, 5, 3, 6, 4)))

    assert answers == {ChangeAnswer.TAKEN}
    assert revision(tables) == 7
    assert pieces(tables) == [(ORDER.lines[0].sku, 7)]


@pytest.mark.parametrize(
    ("statements", "answer"),
    [
        pytest.param([], ChangeAnswer.TAKEN, id="nobody took it"),
        pytest.param([TAKE], ChangeAnswer.TOO_LATE, id="taken"),
        pytest.param([TAKE, MAY_CHANGE], ChangeAnswer.TAKEN, id="taken, may change"),
        pytest.param([TAKE, MAY_CHANGE, MAY_NOT], ChangeAnswer.TOO_LATE, id="closed"),
        pytest.param([MAY_NOT], ChangeAnswer.TOO_LATE, id="closed before it was taken"),
    ],
)
def test_the_row_of_an_order_says_whether_it_changes(
    statements: list[str], answer: ChangeAnswer, staging: StagingErp, sql: ErpSql, tables: Engine
) -> None:
    staging.place_order(ORDER)
    before = pieces(tables)
    for statement in statements:
        sql.execute(statement)

    given = [staging.order_changed(*changed(2)) for _ in range(2)]

    is_taken = answer is ChangeAnswer.TAKEN
    assert given == [answer, answer]
    assert revision(tables) == (2 if is_taken else 1)
    assert pieces(tables) == ([(ORDER.lines[0].sku, 2)] if is_taken else before)
    assert bool(rows(tables, ERP_ORDER_CHANGES)) is is_taken


def test_what_was_too_late_is_taken_once_the_erp_says_so(
    staging: StagingErp, sql: ErpSql, tables: Engine
) -> None:
    staging.place_order(ORDER)
    sql.execute(TAKE)
    first = staging.order_changed(*changed(2))

    sql.execute(MAY_CHANGE)

    assert first is ChangeAnswer.TOO_LATE
    assert staging.order_changed(*changed(2)) is ChangeAnswer.TAKEN
    assert revision(tables) == 2


def test_a_cancelled_order_stays_as_it_is(staging: StagingErp, tables: Engine) -> None:
    staging.place_order(ORDER)
    staging.cancel_order(ORDER.order_id, "canceled")
    before = rows(tables, ERP_ORDERS), pieces(tables)

    answer = staging.order_changed(*changed(2))

    assert answer is ChangeAnswer.IGNORED
    assert (rows(tables, ERP_ORDERS), pieces(tables)) == before
    assert staging.cancel_order(ORDER.order_id, "canceled") is CancelAnswer.CANCELLED


def test_a_tombstone_is_not_made_an_order(staging: StagingErp, tables: Engine) -> None:
    staging.cancel_order(ORDER.order_id, "canceled")

    assert staging.order_changed(*changed(2)) is ChangeAnswer.IGNORED
    assert rows(tables, ERP_ORDER_LINES) == []


def test_an_order_that_is_not_there_is_refused_and_not_made(
    staging: StagingErp, tables: Engine
) -> None:
    with pytest.raises(ErpRefused, match="do not have order 1300000000001-01"):
        staging.order_changed(*changed(2))

    assert rows(tables, ERP_ORDERS) == []


def test_an_order_of_before_revisions_is_the_first(
    staging: StagingErp, sql: ErpSql, tables: Engine
) -> None:
    staging.place_order(ORDER)
    sql.execute("UPDATE erp_orders SET revision = NULL")

    assert staging.order_changed(*changed(2)) is ChangeAnswer.TAKEN
    assert revision(tables) == 2


def test_a_change_that_the_tables_cannot_hold_is_refused_whole(
    staging: StagingErp, tables: Engine
) -> None:
    staging.place_order(ORDER)
    before = pieces(tables)
    order, changes = changed(2)
    huge = replace(order.lines[0], total_cents=2**70)

    with pytest.raises(ErpRefused):
        staging.order_changed(replace(order, lines=(huge,)), changes)

    assert (pieces(tables), revision(tables)) == (before, 1)


def test_an_order_is_placed_again_as_it_is(staging: StagingErp, tables: Engine) -> None:
    receipt = staging.place_order(ORDER)
    staging.order_changed(*changed(2))

    assert staging.place_order(ORDER) == receipt
    assert revision(tables) == 2
    assert pieces(tables) == [(ORDER.lines[0].sku, 2)]


def test_a_store_may_ignore_changes(make_staging: MakeStaging, tmp_path: Path) -> None:
    assert make_staging().takes_changes
    assert not make_staging(changes="ignore").takes_changes
    with pytest.raises(ConfigurationError, match="changes must be until_taken or ignore"):
        StagingErp("mystore", {"changes": "never"}, tmp_path)
