from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger import migrate, versions
from orders_sync.ledger.accounts import Accounts, Chore, LastRun
from orders_sync.ledger.engine import Database
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.tables import (
    commands,
    cursors,
    documents,
    events,
    journal,
    metadata,
    orders,
)
from orders_sync.ledger.versions import VERSION_TABLE, is_open, require_current

VERSIONS = [
    each.revision
    for each in reversed([*ScriptDirectory.from_config(migrate._config()).walk_revisions()])
]
PROCESSES = 4
OPTIONS = {"compare_server_default": True, "version_table": VERSION_TABLE}
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OF_ORDER = {"account": "mystore", "order_id": "1-01"}

#: A row of each table, as the first release wrote it.
ROWS: dict[sa.Table, dict[str, Any]] = {
    orders: {
        **OF_ORDER,
        "progress": "handed_over",
        "standing": "waiting",
        "news": False,
        "due_at": NOW,
        "attempts": 3,
        "version": 7,
        "first_seen_at": NOW,
        "updated_at": NOW,
    },
    documents: {**OF_ORDER, "body": b'{"orderId": "\xc3\xa7"}', "read_at": NOW},
    events: {
        **OF_ORDER,
        "identity": "1-01|Fulfillment|handling|x",
        "delivered_at": NOW,
        "deliveries": 2,
        "first_seen_at": NOW,
        "asks_nothing": True,
    },
    journal: {**OF_ORDER, "at": NOW, "what": "order.read", "seconds": 0.25},
    commands: {
        **OF_ORDER,
        "id": "c" * 32,
        "kind": "invoice",
        "key": "erp-1",
        "fingerprint": "f",
        "body": "{}",
        "source": "erp",
        "progress": "accepted",
        "standing": "parked",
        "outcome": "parked",
        "attempts": 0,
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    },
}


def shape(url: str) -> dict[str, Any]:
    """Describe tables as the database does: columns, keys, indices and what they are limited to."""
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    tables = set(inspector.get_table_names()) - {VERSION_TABLE}
    found = {
        table: {
            "columns": {
                each["name"]: (str(each["type"]), each["nullable"], each.get("comment"))
                for each in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table),
            "unique": inspector.get_unique_constraints(table),
            "indices": {
                each["name"]: (
                    each["column_names"],
                    {key: str(value) for key, value in each.get("dialect_options", {}).items()},
                )
                for each in inspector.get_indexes(table)
            },
        }
        for table in sorted(tables)
    }
    engine.dispose()
    return found


def test_the_migrations_make_the_tables_that_the_code_uses(ledger_url: str) -> None:
    engine = sa.create_engine(ledger_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=OPTIONS)
        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


def test_the_migrations_limit_indices_as_the_code_does(ledger_url: str, empty_url: str) -> None:
    engine = sa.create_engine(empty_url)

    metadata.create_all(engine)
    engine.dispose()

    assert shape(ledger_url) == shape(empty_url)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ledger_of_every_version_is_upgraded_with_what_is_in_it(
    version: str, empty_url: str, database_at: Callable[[str], Database]
) -> None:
    database = database_at(version)
    with database.writing() as connection:
        present = [table for table in ROWS if sa.inspect(connection).has_table(table.name)]
        for table in present:
            connection.execute(sa.insert(table), ROWS[table])

    upgrade(empty_url)

    require_current(database)
    with database.reading() as connection:
        kept = {table: connection.execute(sa.select(table)).mappings().one() for table in present}
    assert {orders, documents, events, journal} <= set(present)
    assert {
        table.name: {name: row[name] for name in ROWS[table]} for table, row in kept.items()
    } == {table.name: ROWS[table] for table in present}


def test_an_upgrade_keeps_when_each_feed_was_last_read(
    empty_url: str, database_at: Callable[[str], Database]
) -> None:
    database = database_at("0004")
    poll = {"account": "mystore", "name": "feed.poll", "version": 3, "updated_at": NOW}
    with database.writing() as connection:
        connection.execute(sa.insert(cursors), {**poll, "value": NOW.isoformat()})
        connection.execute(sa.insert(cursors), {**poll, "account": "other", "value": None})

    upgrade(empty_url)

    assert Accounts(database).last_runs(Chore.POLL) == {
        "mystore": LastRun(NOW, None, NOW, NOW),
        "other": LastRun(NOW, None, None, NOW),
    }


def test_an_upgrade_finds_tracking_numbers_in_what_was_accepted(
    empty_url: str, database_at: Callable[[str], Database]
) -> None:
    database = database_at("0007")
    bodies = {"a": ("erp-1", '{"tracking_number":"BR1"}'), "b": ("refused/x", "tracking_number")}
    with database.writing() as connection:
        for command_id, (key, body) in bodies.items():
            row = {**ROWS[commands], "id": command_id, "key": key, "body": body}
            connection.execute(sa.insert(commands), row)

    upgrade(empty_url)

    with database.reading() as connection:
        kept = sa.select(commands.c.id, commands.c.tracking_number).order_by(commands.c.id)
        assert connection.execute(kept).all() == [("a", "BR1"), ("b", None)]


def test_an_upgrade_can_be_repeated(ledger_url: str) -> None:
    assert upgrade(ledger_url) == upgrade(ledger_url) == VERSIONS[-1]


def test_upgrades_at_once_take_turns(empty_url: str) -> None:
    barrier = Barrier(PROCESSES)

    def run(_: int) -> str:
        barrier.wait(30)
        return upgrade(empty_url)

    with ThreadPoolExecutor(PROCESSES) as pool:
        versions = list(pool.map(run, range(PROCESSES)))

    assert versions == [VERSIONS[-1]] * PROCESSES
    with closing(Database(empty_url)) as database:
        require_current(database)


def test_a_ledger_without_tables_is_refused_with_the_command_that_helps(empty_url: str) -> None:
    with (
        closing(Database(empty_url)) as database,
        pytest.raises(ConfigurationError, match=r"has no tables yet.* orders-sync db upgrade"),
    ):
        require_current(database)


def test_a_ledger_of_an_earlier_version_is_refused_with_the_command_that_helps(
    database_at: Callable[[str], Database],
) -> None:
    database = database_at("0001")

    with pytest.raises(
        ConfigurationError, match=rf"at version 0001, .* {VERSIONS[-1]}. Run: orders-sync db"
    ):
        require_current(database)


def test_a_ledger_of_a_later_version_is_left_alone(ledger_url: str) -> None:
    with closing(Database(ledger_url)) as database:
        with database.writing() as connection:
            connection.execute(sa.text("UPDATE orders_sync_version SET version_num = '9999'"))

        with pytest.raises(ConfigurationError, match=r"version 9999, which .* does not know"):
            require_current(database)
    with pytest.raises(ConfigurationError, match=r"version 9999, which .* does not know"):
        upgrade(ledger_url)


LATER = "9999_from_0006"
CONTRACTED = "9999_from_9998"


def set_version(url: str, version: str) -> None:
    update = sa.text("UPDATE orders_sync_version SET version_num = :version")
    with closing(Database(url)) as database, database.writing() as connection:
        connection.execute(update, {"version": version})


def test_a_later_version_that_only_added_is_worked_on_and_left_as_it_is(ledger_url: str) -> None:
    set_version(ledger_url, LATER)

    with closing(Database(ledger_url)) as database:
        require_current(database)
        assert is_open(database)
        assert database.closed_because is None
    assert upgrade(ledger_url) == LATER
    assert rows(ledger_url, "SELECT version_num FROM orders_sync_version") == [(LATER,)]


@pytest.mark.parametrize("version", [CONTRACTED, "9999", "9999_from_0006_or_so"])
def test_tables_of_a_later_version_that_is_not_for_this_code_are_closed_to_it(
    ledger_url: str, version: str
) -> None:
    set_version(ledger_url, version)

    with closing(Database(ledger_url)) as database:
        usable = is_open(database)
        with pytest.raises(LedgerUnavailable, match=f"version {version}, .* does not know"):
            database.reading().__enter__()
        with pytest.raises(LedgerUnavailable, match=f"version {version}, .* does not know"):
            database.writing().__enter__()
        set_version(ledger_url, VERSIONS[-1])
        usable_again = is_open(database)
        with database.reading() as connection:
            assert connection.execute(sa.select(orders)).all() == []

    assert (usable, usable_again) == (False, True)


def test_what_asks_for_a_column_that_is_not_there_waits(ledger_url: str) -> None:
    run(ledger_url, "ALTER TABLE documents RENAME COLUMN body TO content")

    with (
        closing(Database(ledger_url)) as database,
        pytest.raises(LedgerUnavailable),
        database.reading() as connection,
    ):
        connection.execute(sa.select(documents.c.body))


def test_the_versions_that_are_read_from_the_files_are_alembics() -> None:
    assert list(versions.known_versions()) == VERSIONS


def test_each_migration_says_which_code_may_work_beside_it() -> None:
    unsaid = [each for each in VERSIONS if each > "0007" and not versions._LATER.fullmatch(each)]

    assert unsaid == [], "name it 0008_from_0007: see CONTRIBUTING.md"


FOREIGN_VERSION = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('0003')",
)


def run(url: str, *statements: str) -> None:
    with closing(Database(url)) as database, database.writing() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with closing(Database(url)) as database, database.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_the_version_of_another_program_in_the_same_database_stays(empty_url: str) -> None:
    run(empty_url, *FOREIGN_VERSION)

    upgrade(empty_url)
    upgrade(empty_url)

    assert rows(empty_url, "SELECT version_num FROM alembic_version") == [("0003",)]
    assert rows(empty_url, "SELECT version_num FROM orders_sync_version") == [(VERSIONS[-1],)]


def test_the_version_of_an_earlier_release_moves_into_a_table_of_the_ledgers_own(
    empty_url: str, database_at: Callable[[str], Database]
) -> None:
    database = database_at(VERSIONS[-1])
    require_current(database)

    upgrade(empty_url)

    require_current(database)
    with database.reading() as connection:
        tables = sa.inspect(connection).get_table_names()
    assert "alembic_version" not in tables
    assert VERSION_TABLE in tables


@pytest.mark.parametrize("version", [(), FOREIGN_VERSION])
def test_tables_of_another_program_with_the_ledgers_names_are_named_and_left_alone(
    version: tuple[str, ...], empty_url: str
) -> None:
    run(
        empty_url,
        *version,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)",
        "CREATE TABLE events (id INTEGER PRIMARY KEY)",
        "INSERT INTO orders VALUES (1, 2)",
    )
    before = shape(empty_url)

    with pytest.raises(ConfigurationError, match=r"another program's: events, orders\. .*own"):
        upgrade(empty_url)

    assert shape(empty_url) == before
    assert rows(empty_url, "SELECT id, total FROM orders") == [(1, 2)]
