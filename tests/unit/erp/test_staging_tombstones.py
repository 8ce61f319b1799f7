"""An order that was cancelled before it came is in the tables as cancelled, and stays so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from unit.erp.erp_sql import ErpSql, MakeStaging

from orders_sync.demo.played_staging import read_erp
from orders_sync.erp.base import CancelAnswer, Decision
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_rows import utc
from orders_sync.erp.staging_tables import ERP_ORDER_LINES, ERP_ORDERS
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_order

ORDER = make_order()
TAKE = "UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP WHERE state = 'new' AND taken_at IS NULL"


class Interrupting:
    """A clock in whose `call`-th reading, within another call of the adapter, something happens."""

    def __init__(self, clock: SettableClock, call: int, happens: Callable[[], Any]) -> None:
        self._clock = clock
        self._calls_left = call
        self._happens = happens
        self.outcome: Any = None

    def __call__(self) -> datetime:
        self._calls_left -= 1
        if self._calls_left == 0:
            self.outcome = self._happens()
        return self._clock()


def read(tables: Engine) -> Any:
    with tables.connect() as connection:
        return connection.execute(select(ERP_ORDERS)).one()


def line_count(tables: Engine) -> int:
    with tables.connect() as connection:
        return len(connection.execute(select(ERP_ORDER_LINES)).all())


def test_an_unknown_order_that_is_cancelled_is_a_row_with_time_and_reason(
    staging: StagingErp, tables: Engine, clock: SettableClock
) -> None:
    answer = staging.cancel_order(ORDER.order_id, "canceled")

    row = read(tables)
    assert answer is CancelAnswer.UNKNOWN
    assert (row.order_id, row.state, row.cancel_reason) == (ORDER.order_id, "cancelled", "canceled")
    assert utc(row.cancelled_at) == clock()
    assert (row.status, row.value_cents, line_count(tables)) == (None, 0, 0)


def test_an_order_that_comes_after_its_cancellation_is_filled_in_and_cannot_be_taken(
    staging: StagingErp, sql: ErpSql, tables: Engine, clock: SettableClock
) -> None:
    cancelled_at = clock()
    staging.cancel_order(ORDER.order_id, "canceled")
    clock.advance(60)

    receipts = {staging.place_order(ORDER) for _ in range(2)}

    row = read(tables)
    assert [receipt.reference for receipt in receipts] == [row.reference]
    assert (row.state, row.cancel_reason) == ("cancelled", "canceled")
    assert (utc(row.cancelled_at), utc(row.placed_at)) == (cancelled_at, clock())
    assert (row.status, row.value_cents) == (ORDER.status, ORDER.value_cents)
    assert (row.document, line_count(tables)) == (ORDER.document, len(ORDER.lines))
    assert sql.execute(TAKE).rowcount == 0


def test_an_order_that_was_placed_is_never_written_over(
    staging: StagingErp, sql: ErpSql, tables: Engine
) -> None:
    staging.place_order(ORDER)
    staging.cancel_order(ORDER.order_id, "canceled")
    sql.execute("UPDATE erp_orders SET customer_last_name = NULL")

    staging.place_order(ORDER)

    assert read(tables).customer_last_name is None


def test_a_cancellation_of_an_unknown_order_can_be_repeated(
    staging: StagingErp, tables: Engine, clock: SettableClock
) -> None:
    cancelled_at = clock()
    staging.cancel_order(ORDER.order_id, "canceled")
    clock.advance(60)

    answer = staging.cancel_order(ORDER.order_id, "replaced")

    row = read(tables)
    assert answer is CancelAnswer.CANCELLED
    assert (row.cancel_reason, utc(row.cancelled_at)) == ("canceled", cancelled_at)
    assert staging.consider_cancellation(ORDER) == Decision.agree()


def test_a_call_that_places_an_order_and_hangs_until_it_was_cancelled_places_it_cancelled(
    erp_url: str, tmp_path: Path, staging: StagingErp, tables: Engine, clock: SettableClock
) -> None:
    hanging = Interrupting(clock, 1, lambda: staging.cancel_order(ORDER.order_id, "canceled"))
    erp = StagingErp("mystore", {"url": erp_url}, tmp_path, clock=hanging)

    receipt = erp.place_order(ORDER)
    erp.close()

    row = read(tables)
    assert hanging.outcome is CancelAnswer.UNKNOWN
    assert (row.state, row.reference) == ("cancelled", receipt.reference)
    assert (row.value_cents, line_count(tables)) == (ORDER.value_cents, len(ORDER.lines))


@pytest.mark.parametrize(
    "call", [pytest.param(1, id="before it looks"), pytest.param(2, id="after it has looked")]
)
def test_an_order_that_comes_while_it_is_cancelled_ends_cancelled(
    call: int,
    erp_url: str,
    tmp_path: Path,
    staging: StagingErp,
    tables: Engine,
    clock: SettableClock,
) -> None:
    interrupted = Interrupting(clock, call, lambda: staging.place_order(ORDER))
    erp = StagingErp("mystore", {"url": erp_url}, tmp_path, clock=interrupted)

    answer = erp.cancel_order(ORDER.order_id, "canceled")
    erp.close()

    row = read(tables)
    assert answer is CancelAnswer.CANCELLED
    assert (row.state, row.cancel_reason) == ("cancelled", "canceled")
    assert row.value_cents == ORDER.value_cents


def test_a_tombstone_is_its_accounts_own(make_staging: MakeStaging, sql: ErpSql) -> None:
    other = make_staging("other")
    other.cancel_order(ORDER.order_id, "canceled")

    make_staging().place_order(ORDER)

    assert sql.execute(TAKE).rowcount == 1


def test_an_order_that_never_came_is_none_of_the_orders_that_the_erp_counts(
    staging: StagingErp, tables: Engine
) -> None:
    staging.cancel_order(ORDER.order_id, "canceled")
    before = read_erp(tables)

    staging.place_order(ORDER)

    assert before == ()
    assert [order.state for order in read_erp(tables)] == ["cancelled"]
