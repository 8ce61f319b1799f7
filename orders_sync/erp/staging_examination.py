"""Looks at the database of the staging tables without a trace: what is there, what may be done?

Only catalogues are asked. Whether the user's rights suffice is known before the first use on
PostgreSQL and for files of SQLite's; elsewhere the first use says what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, Function, Table, bindparam, func, inspect, select, text

from orders_sync.database_engines import may_write, reading_engine, sqlite_path
from orders_sync.database_failures import Outage
from orders_sync.erp.staging_database import missing_columns
from orders_sync.erp.staging_failures import SETTING, explained
from orders_sync.erp.staging_schema import missing_statements, of_owner, version_of
from orders_sync.erp.staging_tables import (
    ERP_COMMANDS,
    ERP_ORDER_CHANGES,
    ERP_ORDER_COMPONENTS,
    ERP_ORDER_LINES,
    ERP_ORDER_SERVICES,
    ERP_ORDERS,
    ERP_SCHEMA,
    METADATA,
    VERSION,
)
from orders_sync.errors import ConfigurationError, ErpUnavailable

#: What the adapter does with each table.
_USES: Final[Mapping[Table, tuple[str, ...]]] = {
    ERP_ORDERS: ("SELECT", "INSERT", "UPDATE"),
    ERP_ORDER_LINES: ("INSERT", "DELETE"),
    ERP_ORDER_COMPONENTS: ("INSERT", "DELETE"),
    ERP_ORDER_SERVICES: ("INSERT", "DELETE"),
    ERP_ORDER_CHANGES: ("INSERT",),
    ERP_SCHEMA: ("SELECT",),
    ERP_COMMANDS: ("SELECT", "UPDATE"),
}

#: Whether the user is, or may act as, the owner of all of the tables.
_OWNS: Final = text(
    "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class"
    " WHERE relname IN :names AND pg_table_is_visible(oid)"
).bindparams(bindparam("names", expanding=True))


def examine_tables(engine: Engine, *, makes_folder: bool) -> str | None:
    """Return what the first use will make or add, as the end of a sentence; None if nothing.

    `makes_folder` says that a missing folder of a file is made too.

    Raises:
        ErpUnavailable: the database cannot be reached, or not be written.
        ConfigurationError: a right is missing, or a column that the first use does not add.
    """
    path = sqlite_path(engine.url)
    if path is not None:
        if (path.parent.exists() or not makes_folder) and not may_write(path):
            raise _unusable(Outage.FILE)
        if not path.exists():
            return f"its first use makes the file {path}, with the staging tables"
    with reading(engine) as connection:
        return _examine(connection)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that leaves no trace.

    Raises:
        ErpUnavailable: the database cannot be reached.
    """
    path = sqlite_path(engine.url)
    reader = engine if path is None else reading_engine(path)
    with explained(), reader.connect() as connection:
        yield connection


def _examine(connection: Connection) -> str | None:
    inspector = inspect(connection)
    tables = METADATA.sorted_tables
    present = [table for table in tables if inspector.has_table(table.name)]
    missing = [table.name for table in tables if table not in present]
    statements = missing_statements(connection)
    if connection.dialect.name == "postgresql":
        _refuse_without_rights(connection, present, missing, statements)
    if not statements:
        return None
    if missing:
        return f"its first use makes the tables {', '.join(missing)}"
    if version_of(connection) < VERSION:
        return f"its first use brings the tables to version {VERSION}"
    lacking = missing_columns(connection)
    if not lacking:
        return None
    raise ConfigurationError(
        f"The staging database lacks the columns {', '.join(lacking)}. "
        "Add them as docs/staging-tables.md describes them."
    )


def _refuse_without_rights(
    connection: Connection, present: list[Table], missing: list[str], statements: list[str]
) -> None:
    """Raise what PostgreSQL's catalogue says that the user may not do, before it is done."""
    if connection.scalar(select(func.current_setting("transaction_read_only"))) == "on":
        raise _unusable(Outage.READ_ONLY)
    uses = [(table.name, right) for table in present for right in _USES[table]]
    asked = [_privilege(name, right) for name, right in uses]
    answers = connection.execute(select(*asked)).one() if asked else ()
    lacking = [use for use, is_granted in zip(uses, answers, strict=True) if not is_granted]
    if lacking:
        grants = "; ".join(f"GRANT {right} ON {name} TO ..." for name, right in lacking)
        raise ConfigurationError(
            "The user of the staging database lacks rights on its tables. Let their owner grant "
            f"them: {grants}"
        )
    schema = func.has_schema_privilege(func.current_schema(), "CREATE")
    names = [table.name for table in present if any(f" {table.name} " in s for s in statements)]
    may_make = not missing or connection.scalar(select(schema))
    may_alter = not names or connection.scalar(_OWNS, {"names": names})
    if not may_make or not may_alter:
        raise ConfigurationError(of_owner(statements))


def _privilege(name: str, right: str) -> Function[bool]:
    """Ask for a right; rows are deleted whole, so that there is no such right on a column."""
    is_whole = right == "DELETE"
    ask = func.has_table_privilege if is_whole else func.has_any_column_privilege
    return ask(name, right)


def _unusable(outage: Outage) -> ErpUnavailable:
    return ErpUnavailable(f"The staging database {outage.behaviour}. {outage.remedy(SETTING)}")
