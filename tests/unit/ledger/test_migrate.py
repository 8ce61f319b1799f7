from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.ledger.engine import Database
from orders_sync.ledger.migrate import require_current, upgrade
from orders_sync.ledger.tables import metadata


def test_the_migrations_make_the_tables_that_the_code_uses(ledger_url: str) -> None:
    engine = sa.create_engine(ledger_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()

    assert differences == []


def test_an_upgrade_can_be_repeated(ledger_url: str) -> None:
    assert upgrade(ledger_url) == upgrade(ledger_url)


def test_a_ledger_without_tables_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")

    with pytest.raises(ConfigurationError, match="orders-sync db upgrade"):
        require_current(database)

    database.close()


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x/y"])
def test_a_url_that_is_no_database_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ORDERS_SYNC_LEDGER_URL"):
        Database(url)


def test_a_database_that_cannot_be_opened_is_a_wait(tmp_path: Path) -> None:
    folder = tmp_path / "ledger.sqlite3"
    folder.mkdir()
    database = Database(f"sqlite:///{folder}")

    with pytest.raises(LedgerUnavailable, match="ORDERS_SYNC_LEDGER_URL"), database.writing():
        pass

    database.close()


def test_an_error_of_the_database_does_not_show_what_was_written(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")

    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE t (a TEXT CHECK (a = ''))"))

    with pytest.raises(sa.exc.DBAPIError) as caught, database.writing() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (:a)"), {"a": "maria@example.com"})

    assert "maria" not in str(caught.value)
    database.close()
