"""An ERP's tables of an earlier version are brought up to date, and the ERP goes on with them."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert, inspect, select, text
from support.staging_version_1 import create_version_1
from unit.erp.erp_sql import MakeStaging

from orders_sync.domain.order import ChargedService, Component
from orders_sync.erp.staging_schema import missing_statements, upgrade_tables
from orders_sync.erp.staging_tables import (
    ERP_COMMANDS,
    ERP_ORDER_COMPONENTS,
    ERP_ORDER_LINES,
    ERP_ORDER_SERVICES,
    ERP_ORDERS,
    ERP_SCHEMA,
    METADATA,
)
from orders_sync.errors import ErpUnavailable
from orders_sync.testing.factories import make_line, make_order

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
OLD_ROW: dict[str, Any] = {
    "account": "mystore",
    "order_id": "old-01",
    "reference": "mystore/old-01",
    "state": "new",
    "placed_at": NOW,
    "value_cents": 700,
    "items_cents": 700,
    "discounts_cents": 0,
    "shipping_cents": 0,
    "tax_cents": 0,
    "other_cents": 0,
    "customer_is_corporate": False,
    "payments": "[]",
    "document": b"{}",
}


@pytest.fixture
def version_1(tables: Engine) -> Engine:
    """Give a database with tables of version 1 and an order in them."""
    old = create_version_1(tables)
    with tables.begin() as connection:
        connection.execute(insert(old.tables["erp_orders"]), OLD_ROW)
    return tables


def columns(engine: Engine) -> dict[str, set[str]]:
    inspector = inspect(engine)
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
    }


def test_tables_of_version_1_get_what_they_lack_and_keep_their_rows(
    version_1: Engine, make_staging: MakeStaging
) -> None:
    before = columns(version_1)
    kit = make_line(
        components=(Component("UC", "901", "901", None, "Part", 2),),
        services=(ChargedService("7", "Wrap", "Gift", 2, 150),),
    )

    make_staging().place_order(make_order("new-01", lines=[kit]))

    after = columns(version_1)
    assert all(before[table] <= after[table] for table in before)
    assert after == {t.name: {c.name for c in t.columns} for t in METADATA.sorted_tables}
    with version_1.connect() as connection:
        rows = connection.execute(select(ERP_ORDERS).order_by("order_id")).mappings().all()
        (component,) = connection.execute(select(ERP_ORDER_COMPONENTS)).mappings()
        (service,) = connection.execute(select(ERP_ORDER_SERVICES)).mappings()
        assert connection.execute(select(ERP_SCHEMA.c.version)).scalars().all() == [3]
    assert [(row["order_id"], row["lines_cents"] is None) for row in rows] == [
        ("new-01", False),
        ("old-01", True),
    ]
    assert (rows[1]["value_cents"], rows[1]["document"]) == (700, b"{}")
    assert (component["line_id"], component["sku"], component["quantity"]) == (
        kit.line_id,
        "901",
        2,
    )
    assert (service["service_id"], service["price_cents"]) == ("7", 150)
    assert service["total_cents"] == 300


def test_what_an_erp_writes_by_the_old_columns_still_fits(
    version_1: Engine, make_staging: MakeStaging
) -> None:
    make_staging().pull(None)
    row = {**OLD_ROW, "order_id": "old-02", "reference": "mystore/old-02"}

    with version_1.begin() as connection:
        connection.execute(insert(ERP_ORDERS).values(row))


def test_bringing_up_to_date_again_changes_nothing(version_1: Engine) -> None:
    upgrade_tables(version_1, now=NOW)
    once = columns(version_1)

    upgrade_tables(version_1, now=NOW)

    assert columns(version_1) == once
    with version_1.connect() as connection:
        assert missing_statements(connection) == []


def test_two_processes_bring_the_tables_up_to_date_at_once(version_1: Engine, erp_url: str) -> None:
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def upgrade() -> None:
        engine = create_engine(erp_url)
        try:
            start.wait()
            upgrade_tables(engine, now=NOW)
        except BaseException as error:  # noqa: BLE001 -- it is the test's to tell
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert columns(version_1) == {
        t.name: {c.name for c in t.columns} for t in METADATA.sorted_tables
    }


def test_an_erp_that_is_at_work_on_its_tables_is_waited_for_a_moment(
    version_1: Engine, make_staging: MakeStaging
) -> None:
    if version_1.dialect.name != "postgresql":
        pytest.skip("elsewhere a reader holds nobody up, or the connection's own bound holds")
    erp, order = make_staging(), make_order("new-01")
    with version_1.begin() as connection:
        connection.execute(text("SELECT count(*) FROM erp_orders"))
        with pytest.raises(ErpUnavailable, match=r"LockNotAvailable|55P03"):
            erp.place_order(order)

    assert erp.place_order(order).reference == "mystore/new-01"


def test_half_an_upgrade_is_finished(version_1: Engine) -> None:
    with version_1.connect() as connection:
        statements = missing_statements(connection)
    with version_1.begin() as connection:
        for statement in statements[: len(statements) // 2]:
            connection.exec_driver_sql(statement)

    upgrade_tables(version_1, now=NOW)

    with version_1.connect() as connection:
        assert missing_statements(connection) == []


def test_added_columns_say_what_they_are_where_the_catalogue_has_words(version_1: Engine) -> None:
    upgrade_tables(version_1, now=NOW)

    if version_1.dialect.name == "postgresql":
        comments = {c["name"]: c["comment"] for c in inspect(version_1).get_columns("erp_orders")}
        assert comments["remark"] == ERP_ORDERS.c.remark.comment


def test_a_sqlite_file_that_may_not_be_written_names_the_statements(tmp_path: Path) -> None:
    path = tmp_path / "erp.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    create_version_1(engine)
    engine.dispose()
    read_only = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")

    with pytest.raises(ErpUnavailable, match="ALTER TABLE erp_orders ADD COLUMN remark TEXT;"):
        upgrade_tables(read_only, now=NOW)


#: A user of the ERP's database that may write rows and no more.
CLERK = {
    "postgresql": (
        "DROP ROLE IF EXISTS clerk",
        "CREATE ROLE clerk LOGIN",
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk",
    ),
    "mysql": (
        "CREATE OR REPLACE USER clerk@localhost",
        "GRANT SELECT, INSERT, UPDATE ON * TO clerk@localhost",
    ),
}


def test_a_user_without_the_right_is_told_the_statements(
    version_1: Engine, erp_url: str, make_staging: MakeStaging
) -> None:
    if version_1.dialect.name == "sqlite":
        pytest.skip("SQLite knows no users")
    rights = CLERK[version_1.dialect.name]
    with version_1.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in rights:
            connection.execute(text(statement))
    erp = make_staging(url=re.sub(r"//\w+@", "//clerk@", erp_url))
    order = make_order("new-01")

    with pytest.raises(ErpUnavailable) as raised:
        erp.place_order(order)

    told = str(raised.value).partition("run: ")[2].removesuffix(";")
    statements = re.split("; (?=ALTER|CREATE)", told)
    with version_1.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.execute(text(rights[-1]))
    assert erp.place_order(order).reference == "mystore/new-01"


def test_an_invoice_in_xml_of_a_mebibyte_fits_into_a_command(
    version_1: Engine, make_staging: MakeStaging
) -> None:
    erp = make_staging()
    erp.pull(None)
    body = json.dumps({"number": "X1", "embedded_invoice": "á" * (1 << 20)}, ensure_ascii=False)

    with version_1.begin() as connection:
        row = {"account": "mystore", "order_id": "1-01", "kind": "invoice", "body": body}
        connection.execute(insert(ERP_COMMANDS), {**row, "created_at": NOW, "state": "new"})

    (command,) = erp.pull(None).rows
    assert command.body is not None
    assert len(command.body["embedded_invoice"]) == 1 << 20


@pytest.mark.parametrize("length", [255, 256, 420, 70_000])
def test_texts_of_any_length_fit(make_staging: MakeStaging, tables: Engine, length: int) -> None:
    order = make_order(lines=1)
    long = replace(
        order,
        customer=replace(order.customer, phone="9" * length, first_name="á" * length),
        remark="🎁" * length,
        custom_data=json.dumps({"note": "á" * length}),
        lines=(replace(order.lines[0], name="ñ" * length, ref_id="r" * length),),
    )

    make_staging().place_order(long)

    with tables.connect() as connection:
        row = connection.execute(select(ERP_ORDERS)).mappings().one()
        line = connection.execute(select(ERP_ORDER_LINES)).mappings().one()
    assert row["customer_phone"] == "9" * min(length, 255)
    assert row["remark"] == "🎁" * min(length, 16_000)
    assert json.loads(row["custom_data"]) == {"note": "á" * length}
    assert (line["name"], line["ref_id"]) == ("ñ" * min(length, 16_000), "r" * min(length, 255))
