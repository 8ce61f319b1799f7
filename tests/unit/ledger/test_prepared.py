"""A prepared statement does what SQLAlchemy's own execution does, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from orders_sync.ledger import Ledger
from orders_sync.ledger.insert import insert_into
from orders_sync.ledger.prepared import Prepared
from orders_sync.ledger.tables import cursors

_AT = datetime(2026, 11, 27, 9, 30, 15, 123456, tzinfo=UTC)


def _cursor(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "account": "mystore",
        "name": name,
        "value": None,
        "lease_owner": None,
        "lease_until": None,
        "version": 1,
        "updated_at": _AT,
    }
    return row | changes


def _keep(dialect: str) -> sa.Executable:
    given: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in cursors.c}
    statement = insert_into(cursors, dialect).values(given)
    return statement.on_conflict_do_update(
        index_elements=[cursors.c.account, cursors.c.name],
        set_={"version": cursors.c.version + 1, "value": None},
    ).returning(cursors.c.value, cursors.c.version, cursors.c.updated_at)


@pytest.fixture
def stored(ledger: Ledger) -> dict[str, Any]:
    """Give a row as SQLAlchemy reads it after a prepared statement wrote it."""
    local = _AT.astimezone(timezone(timedelta(hours=-3)))
    row = _cursor("reconcile", value="x", updated_at=local)
    with ledger.database.writing() as connection:
        Prepared(_keep).run(connection, row)
    with ledger.database.reading() as connection:
        return dict(connection.execute(sa.select(cursors)).mappings().one())


def test_what_it_writes_reads_the_same(stored: dict[str, Any]) -> None:
    assert stored == _cursor("reconcile", value="x")


def test_it_gives_rows_by_name_with_aware_times(ledger: Ledger) -> None:
    keep = Prepared(_keep)

    with ledger.database.writing() as connection:
        first = keep.run(connection, _cursor("gap", value="x"))
        second = keep.run(connection, _cursor("gap", value="y"))

    assert [(row.value, row.version, row.updated_at) for row in first] == [("x", 1, _AT)]
    assert [(row.value, row.version, row.updated_at) for row in second] == [(None, 2, _AT)]


def test_it_runs_once_for_each_of_many(ledger: Ledger) -> None:
    given: dict[str, Any] = {column.name: sa.bindparam(column.name) for column in cursors.c}
    insert = Prepared(sa.insert(cursors).values(given))

    with ledger.database.writing() as connection:
        insert.run_many(connection, [_cursor("a"), _cursor("b", lease_until=_AT)])
        found = connection.execute(sa.select(cursors.c.name, cursors.c.lease_until)).all()

    assert sorted(tuple(row) for row in found) == [("a", None), ("b", _AT)]


def test_a_parameter_that_is_left_out_is_an_error_that_names_it(ledger: Ledger) -> None:
    row = _cursor("a")
    del row["updated_at"]

    with ledger.database.writing() as connection, pytest.raises(KeyError, match="updated_at"):
        Prepared(_keep).run(connection, row)


def test_a_naive_time_is_refused(ledger: Ledger) -> None:
    row = _cursor("a", updated_at=_AT.replace(tzinfo=None))

    with ledger.database.writing() as connection, pytest.raises(ValueError, match="aware"):
        Prepared(_keep).run(connection, row)
