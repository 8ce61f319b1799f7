"""A check of the staging tables leaves no trace, and says what the first use will do."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from support.staging_version_1 import create_version_1
from support.traces import contents
from unit.erp.erp_sql import MakeStaging

from orders_sync.erp.staging import StagingErp
from orders_sync.errors import ConfigurationError, ErpUnavailable
from orders_sync.testing.factories import make_order

CLERK = (
    "DROP ROLE IF EXISTS reader",
    "CREATE ROLE reader LOGIN",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
)
#: All that the adapter needs, once the tables are there.
GRANTS = (
    "GRANT INSERT, UPDATE ON erp_orders TO reader",
    "GRANT INSERT, DELETE ON erp_order_lines, erp_order_components, erp_order_services TO reader",
    "GRANT INSERT ON erp_order_changes TO reader",
    "GRANT UPDATE ON erp_commands TO reader",
)


def run(engine: Engine, *statements: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))


def reader_of(url: str) -> str:
    return re.sub(r"//\w+@", "//reader@", url)


def test_a_check_of_an_empty_database_makes_nothing_and_says_what_comes(
    make_staging: MakeStaging, tables: Engine, tmp_path: Path
) -> None:
    to_come = make_staging().check()

    assert to_come is not None
    assert "its first use makes the" in to_come
    assert list(tmp_path.iterdir()) == []
    if tables.dialect.name != "sqlite":
        assert inspect(tables).get_table_names() == []


def test_a_check_of_earlier_tables_leaves_them_as_they_are(
    make_staging: MakeStaging, tables: Engine, tmp_path: Path
) -> None:
    create_version_1(tables)
    tables.dispose()
    before, files = inspect(tables).get_table_names(), contents(tmp_path)

    to_come = make_staging().check()

    assert to_come == (
        "its first use makes the tables erp_order_changes, erp_order_components, "
        "erp_order_services, erp_schema"
    )
    assert inspect(tables).get_table_names() == before
    assert contents(tmp_path) == files


def test_a_check_of_tables_in_use_has_nothing_to_say(staging: StagingErp) -> None:
    staging.place_order(make_order())

    assert staging.check() is None
    assert staging.unserved(["mystore"]) == {}


def test_a_file_that_a_killed_process_left_is_looked_at_without_a_trace(
    make_staging: MakeStaging, erp_database: str, tmp_path: Path
) -> None:
    if erp_database != "sqlite":
        pytest.skip("It is about a file's log.")
    make_staging().place_order(make_order())
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in tmp_path.glob("erp.sqlite3*"):
        (killed / path.name).write_bytes(path.read_bytes())
    before = contents(killed)

    with closing(StagingErp("mystore", {}, killed)) as erp:
        to_come = erp.check()

    assert to_come is None
    assert {"erp.sqlite3-wal", "erp.sqlite3-shm"} <= set(before)
    assert contents(killed) == before


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with closing(StagingErp("mystore", {}, tmp_path / "home")) as erp:
        to_come = erp.check()

        assert to_come is not None
        assert "erp.sqlite3" in to_come
        assert not (tmp_path / "home").exists()
        assert erp.place_order(make_order()).reference == "mystore/1300000000001-01"


def test_a_role_that_may_make_no_tables_is_told_the_statements(
    make_staging: MakeStaging, tables: Engine, erp_database: str, erp_url: str
) -> None:
    if erp_database != "postgresql":
        pytest.skip("Elsewhere the first use says it.")
    run(tables, *CLERK)

    with pytest.raises(ConfigurationError, match=r"Let their owner run: CREATE TABLE erp_\w+ \("):
        make_staging(url=reader_of(erp_url)).check()

    assert inspect(tables).get_table_names() == []


def test_a_role_that_only_reads_is_told_which_rights_it_lacks_until_it_has_them(
    staging: StagingErp, make_staging: MakeStaging, tables: Engine, erp_database: str, erp_url: str
) -> None:
    del staging
    if erp_database != "postgresql":
        pytest.skip("Elsewhere the first use says it.")
    run(tables, *CLERK)
    erp = make_staging(url=reader_of(erp_url))

    with pytest.raises(ConfigurationError, match="lacks rights") as raised:
        erp.check()
    run(tables, *GRANTS)

    told = set(re.findall(r"GRANT (\w+) ON (\w+)", str(raised.value)))
    assert told == {
        ("INSERT", "erp_orders"),
        ("UPDATE", "erp_orders"),
        ("INSERT", "erp_order_lines"),
        ("INSERT", "erp_order_components"),
        ("INSERT", "erp_order_services"),
        ("INSERT", "erp_order_changes"),
        ("DELETE", "erp_order_lines"),
        ("DELETE", "erp_order_components"),
        ("DELETE", "erp_order_services"),
        ("UPDATE", "erp_commands"),
    }
    assert erp.check() is None
    assert erp.place_order(make_order()).reference == "mystore/1300000000001-01"


def test_a_role_that_does_not_own_earlier_tables_is_told_the_statements(
    make_staging: MakeStaging, tables: Engine, erp_database: str, erp_url: str
) -> None:
    if erp_database != "postgresql":
        pytest.skip("Elsewhere the first use says it.")
    create_version_1(tables)
    run(tables, *CLERK, "GRANT ALL ON ALL TABLES IN SCHEMA public TO reader")
    run(tables, "GRANT CREATE ON SCHEMA public TO reader")

    with pytest.raises(ConfigurationError, match="ALTER TABLE erp_orders ADD COLUMN"):
        make_staging(url=reader_of(erp_url)).check()


def test_a_role_whose_transactions_only_read_is_named(
    make_staging: MakeStaging, erp_database: str, erp_url: str
) -> None:
    if erp_database != "postgresql":
        pytest.skip("Elsewhere the first use says it.")
    url = f"{erp_url}&options=-cdefault_transaction_read_only%3Don"

    with pytest.raises(ErpUnavailable, match="is read-only"):
        make_staging(url=url).check()
