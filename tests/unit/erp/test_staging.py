"""What the staging tables hold, and what happens when they cannot hold it."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text, update
from unit.erp.erp_sql import MakeStaging

from orders_sync.domain.commands import Command, Outcome
from orders_sync.domain.order import Order
from orders_sync.erp.base import CancelAnswer
from orders_sync.erp.staging import StagingErp
from orders_sync.erp.staging_rows import utc
from orders_sync.erp.staging_tables import ERP_ORDER_LINES, ERP_ORDERS
from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_delivery, make_line, make_order

BRASILIA = timezone(timedelta(hours=-3))


@pytest.fixture
def erp(make_staging: MakeStaging) -> StagingErp:
    return make_staging()


def read(engine: Engine, order: Order) -> dict[str, Any]:
    with engine.connect() as connection:
        query = select(ERP_ORDERS).where(ERP_ORDERS.c.order_id == order.order_id)
        row = connection.execute(query).mappings().one()
    # SQLite keeps no zone.
    return {key: utc(value) if isinstance(value, datetime) else value for key, value in row.items()}


def read_lines(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = select(ERP_ORDER_LINES).order_by(ERP_ORDER_LINES.c.line_index)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_an_order_is_written_with_its_receipt_money_and_document(
    erp: StagingErp, tables: Engine, clock: SettableClock
) -> None:
    order = make_order(document=b'{"orderId":  "kept byte for byte"}')

    receipt = erp.place_order(order)

    row = read(tables, order)
    assert row["reference"] == receipt.reference == f"mystore/{order.order_id}"
    assert (row["account"], row["state"], row["taken_at"]) == ("mystore", "new", None)
    assert row["placed_at"] == clock()
    assert row["value_cents"] == order.value_cents
    assert row["discounts_cents"] == order.totals.discounts_cents < 0
    assert row["customer_document"] == order.customer.document
    assert order.address is not None
    assert row["ship_postal_code"] == order.address.postal_code
    assert row["document"] == order.document


def test_every_column_of_an_order_and_its_lines_is_filled(erp: StagingErp, tables: Engine) -> None:
    order = make_order(lines=1)
    delivery = make_delivery(pickup_point_id="1_P1", address=order.address)

    erp.place_order(replace(order, deliveries=(delivery,)))

    empty = {name for name, value in read(tables, order).items() if value is None}
    assert {name for row in read_lines(tables) for name, value in row.items() if value is None} == {
        "ship_reference"
    }
    assert empty == {
        "taken_at",
        "cancelled_at",
        "cancel_reason",
        "cancellation_requested_at",
        "cancellation_decision",
        "cancellation_reason",
        "customer_corporate_name",
        "customer_corporate_document",
        "customer_trade_name",
        "customer_state_inscription",
        "customer_corporate_phone",
        "customer_class",
        "customer_code",
        "ship_reference",
        "invoice_reference",
        "difference_reason",
        "changed_at",
        "takes_changes",
        "taken_revision",
    }


def test_each_line_has_its_own_delivery(erp: StagingErp, tables: Engine) -> None:
    order = make_order(lines=[make_line(0), make_line(1), make_line(2)])
    pickup = make_delivery(2, channel="pickup-in-point", pickup_point_id="1_P1")

    erp.place_order(replace(order, deliveries=(pickup, make_delivery(0))))

    lines = read_lines(tables)
    assert [line["delivery_channel"] for line in lines] == ["delivery", None, "pickup-in-point"]
    assert [line["line_id"] for line in lines] == [line.line_id for line in order.lines]


def test_times_are_kept_in_utc(erp: StagingErp, tables: Engine) -> None:
    local = datetime(2026, 2, 3, 7, 0, tzinfo=BRASILIA)
    order = make_order(created_at=local)

    erp.place_order(order)

    assert read(tables, order)["created_at"] == datetime(2026, 2, 3, 10, 0, tzinfo=UTC)


def test_amounts_beyond_32_bits_are_kept(erp: StagingErp, tables: Engine) -> None:
    order = make_order(lines=[make_line(quantity=1, selling_price_cents=5_000_000_000)])

    erp.place_order(order)

    assert read_lines(tables)[0]["total_cents"] == 5_000_000_000


def test_one_order_id_in_two_accounts_is_two_orders(make_staging: MakeStaging) -> None:
    order = make_order()
    erp, other = make_staging(), make_staging("other")
    receipts = {erp.place_order(order), other.place_order(order)}

    answer = other.cancel_order(order.order_id, "Out of stock")

    assert len(receipts) == 2
    assert answer is CancelAnswer.CANCELLED
    assert erp.cancel_order("elsewhere", "Out of stock") is CancelAnswer.UNKNOWN


def test_a_cancelled_order_says_when_and_why(
    erp: StagingErp, tables: Engine, clock: SettableClock
) -> None:
    order = make_order()
    erp.place_order(order)

    answer = erp.cancel_order(order.order_id, "Out of stock")

    row = read(tables, order)
    assert answer is CancelAnswer.CANCELLED
    assert (row["state"], row["cancel_reason"]) == ("cancelled", "Out of stock")
    assert row["cancelled_at"] == clock()


def test_an_order_the_erp_took_is_too_late_to_cancel(erp: StagingErp, tables: Engine) -> None:
    order = make_order()
    erp.place_order(order)
    with tables.begin() as connection:
        connection.execute(update(ERP_ORDERS).values(taken_at=func.current_timestamp()))

    answer = erp.cancel_order(order.order_id, "Out of stock")

    assert answer is CancelAnswer.TOO_LATE
    assert read(tables, order)["state"] == "new"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"value_cents": 2**63}, id="an amount beyond 64 bits"),
        pytest.param({"value_cents": None}, id="no amount"),
        pytest.param({"lines": (make_line(0), make_line(0))}, id="two lines in one place"),
        pytest.param({"created_at": datetime.max.replace(tzinfo=BRASILIA)}, id="a time past all"),
    ],
)
def test_an_order_that_does_not_fit_is_refused_whole_and_without_its_values(
    changes: dict[str, Any], erp: StagingErp, tables: Engine
) -> None:
    erp.pull(None)
    order = replace(make_order(), **changes)

    with pytest.raises(ErpRefused) as raised:
        erp.place_order(order)

    assert order.customer.last_name not in str(raised.value)
    assert raised.value.__suppress_context__
    assert read_lines(tables) == []
    assert erp.cancel_order(order.order_id, "Not there") is CancelAnswer.UNKNOWN


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("sqlite:///{folder}/erp.sqlite3", id="sqlite"),
        pytest.param("postgresql://erp@/erp?host={folder}", id="postgresql"),
    ],
)
def test_a_database_that_is_gone_is_unavailable(form: str, tmp_path: Path) -> None:
    url = form.format(folder=tmp_path / "none")
    with closing(StagingErp("mystore", {"url": url}, tmp_path)) as erp:
        with pytest.raises(ErpUnavailable):
            erp.place_order(make_order())
        with pytest.raises(ErpUnavailable):
            erp.cancel_order("1300000000001-01", "Out of stock")
        with pytest.raises(ErpUnavailable):
            erp.consider_cancellation(make_order())
        with pytest.raises(ErpUnavailable):
            erp.pull(None)
        with pytest.raises(ErpUnavailable):
            erp.answer(Command("sync", "1300000000001-01", {}, "K"), Outcome("done"))
        with pytest.raises(ErpUnavailable):
            erp.check()


def test_a_database_that_comes_back_is_prepared_then(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    url = f"sqlite:///{folder / 'erp.sqlite3'}"
    with closing(StagingErp("mystore", {"url": url}, tmp_path)) as erp:
        with pytest.raises(ErpUnavailable):
            erp.place_order(make_order())
        folder.mkdir()

        receipt = erp.place_order(make_order())

    assert receipt.reference == "mystore/1300000000001-01"


def test_the_check_names_the_columns_that_are_missing(erp: StagingErp, tables: Engine) -> None:
    erp.pull(None)
    with tables.begin() as connection:
        connection.execute(text("ALTER TABLE erp_order_lines DROP COLUMN ref_id"))

    with pytest.raises(ConfigurationError, match=r"lacks the columns erp_order_lines\.ref_id\."):
        erp.check()


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("postgres://h/d", "psycopg", "postgres"),
        ("postgresql://h/d", "psycopg", "postgres"),
        ("postgresql+psycopg://h/d", "psycopg", "postgres"),
        ("mysql://h/d", "pymysql", "mysql"),
        ("mariadb://h/d", "pymysql", "mysql"),
        ("mysql+pymysql://h/d", "pymysql", "mysql"),
    ],
)
def test_a_missing_driver_is_named_with_the_command_that_installs_it(
    url: str, driver: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)

    with pytest.raises(ConfigurationError, match=rf"pip install 'orders-sync\[{extra}\]'"):
        StagingErp("mystore", {"url": url}, tmp_path)


def test_a_driver_whose_waits_have_no_end_is_refused_with_one_that_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"driver pyodbc.*mysql\+pymysql://"):
        StagingErp("mystore", {"url": "mysql+pyodbc://h/d"}, tmp_path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(
            {"ulr": "sqlite:///x"},
            "unknown option ulr; it takes cancellation, changes, connections, url",
            id="misspelt",
        ),
        pytest.param({"cancellation": "hunter2"}, "must be agree_until_taken or ask", id="policy"),
        pytest.param({"url": 3}, "url must be a text", id="not a text"),
        pytest.param({"url": "hunter2"}, "url is no database URL", id="not a URL"),
        pytest.param({"url": "sqlite://"}, "in memory", id="in memory"),
        pytest.param({"url": "sqlite://var/erp.db"}, "after three slashes", id="two slashes"),
        pytest.param({"url": "oracel://u:hunter2@h/d"}, "does not know: oracel", id="unknown kind"),
        pytest.param({"url": "oracle+oracledb://u:hunter2@h/d"}, "oracledb", id="no driver"),
    ],
)
def test_a_wrong_option_is_refused_without_repeating_it(
    options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        StagingErp("mystore", options, tmp_path)

    assert "hunter2" not in str(raised.value)
