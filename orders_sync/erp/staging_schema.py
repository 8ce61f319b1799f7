"""Brings the staging tables of an ERP to the version of `staging_tables.py`.

Columns and tables are added, and MySQL's texts are widened; nothing else is changed, and no row. So
an ERP goes on with the tables as it knows them. Several processes may do so at once, and a database
that refuses it is told by the statements that its owner has to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Engine, Table, Text, func, insert, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.schema import CreateTable, SetColumnComment

from orders_sync.erp.staging_database import create_tables
from orders_sync.erp.staging_tables import ERP_SCHEMA, METADATA, VERSION
from orders_sync.errors import ErpUnavailable

#: What MySQL and MariaDB answer to somebody without the right.
_DENIED: Final = frozenset({1044, 1142, 1143, 1227})
#: Databases that add several columns in one statement.
_ADD_MANY: Final = frozenset({"postgresql", "mysql", "mariadb"})
#: While a statement waits for the ERP's transactions, those that come later wait behind it.
_SHORT_WAIT: Final = "SET LOCAL lock_timeout = '1s'"
_ADD: Final = {"mssql": "ADD", "oracle": "ADD"}


def upgrade_tables(engine: Engine, *, now: datetime) -> None:
    """Create the staging tables, or add what those of an earlier version lack.

    Raises:
        ErpUnavailable: the database refuses to; the message has the statements to run.
        DBAPIError: the database is away, too slow or locked.
    """
    try:
        create_tables(engine)
        with engine.connect() as connection:
            is_old = version_of(connection) < VERSION
        if is_old:
            _add_what_is_missing(engine)
            _note_version(engine, now)
    except DBAPIError as error:
        if not lacks_right(error):
            raise
        with engine.connect() as connection:
            statements = missing_statements(connection)
        raise ErpUnavailable(of_owner(statements)) from None


def of_owner(statements: Sequence[str]) -> str:
    """Return what to do where the user may not run the statements."""
    return (
        "The staging tables are to be brought up to date, and the database does not let this "
        f"user do so. Let their owner run: {' '.join(f'{text};' for text in statements)}"
    )


def version_of(connection: Connection) -> int:
    """Return the version that the tables have by their own account; 0 where it is not noted."""
    return connection.execute(select(func.max(ERP_SCHEMA.c.version))).scalar() or 0


def missing_statements(connection: Connection) -> list[str]:
    """Return the statements that bring the tables up to date, none where they are."""
    dialect, inspector = connection.dialect, inspect(connection)
    statements: list[str] = []
    for table in METADATA.sorted_tables:
        if not inspector.has_table(table.name):
            statements.append(" ".join(str(CreateTable(table).compile(dialect=dialect)).split()))
            continue
        present = {column["name"]: column for column in inspector.get_columns(table.name)}
        statements += _additions(table, present, dialect)
        if dialect.name in {"mysql", "mariadb"}:
            statements += _widenings(table, present, dialect)
    return statements


def _additions(table: Table, present: dict[str, Any], dialect: Dialect) -> list[str]:
    add = _ADD.get(dialect.name, "ADD COLUMN")
    name, quote = dialect.identifier_preparer.format_table(table), dialect.identifier_preparer.quote
    parts = [
        f"{add} {quote(column.name)} {column.type.compile(dialect=dialect)}"
        for column in table.columns
        if column.name not in present
    ]
    if parts and dialect.name in _ADD_MANY:
        parts = [", ".join(parts)]
    return [f"ALTER TABLE {name} {part}" for part in parts]


def _widenings(table: Table, present: dict[str, Any], dialect: Dialect) -> list[str]:
    """Widen the texts that would end at 64 KiB."""
    statements = []
    for column in table.columns:
        kind = column.type.compile(dialect=dialect)
        shown = present.get(column.name, {}).get("type")
        if kind != "LONGTEXT" or not isinstance(shown, Text):
            continue
        if type(shown).__name__ not in {"LONGTEXT", "MEDIUMTEXT"}:
            null = "NULL" if column.nullable else "NOT NULL"
            collation = f" COLLATE {shown.collation}" if shown.collation else ""
            name = dialect.identifier_preparer.format_table(table)
            statements.append(f"ALTER TABLE {name} MODIFY {column.name} {kind}{collation} {null}")
    return statements


def _add_what_is_missing(engine: Engine) -> None:
    """Run the statements until none is left: another process may run the same ones meanwhile."""
    before: list[str] | None = None
    failure: DBAPIError | None = None
    while True:
        with engine.connect() as connection:
            statements = missing_statements(connection)
        if not statements:
            return
        if statements == before:
            break
        before, failure = statements, None
        for statement in statements:
            try:
                with engine.begin() as connection:
                    if connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(_SHORT_WAIT)
                    connection.exec_driver_sql(statement)
                    _comment(connection, statement)
            except DBAPIError as error:
                if lacks_right(error):
                    raise
                failure = error
    if failure is not None:
        raise failure


def _comment(connection: Connection, statement: str) -> None:
    """Say in the catalogue what each added column is, where that takes a statement."""
    dialect = connection.dialect
    if dialect.inline_comments or not dialect.supports_comments:
        return
    for table in METADATA.sorted_tables:
        if statement.startswith(f"ALTER TABLE {table.name} ADD "):
            for column in table.columns:
                if f" ADD COLUMN {column.name} " in statement:
                    connection.execute(SetColumnComment(column))


def _note_version(engine: Engine, now: datetime) -> None:
    try:
        with engine.begin() as connection:
            connection.execute(insert(ERP_SCHEMA), {"version": VERSION, "applied_at": now})
    except IntegrityError:
        pass  # Another process noted it.


def lacks_right(error: DBAPIError) -> bool:
    """Return whether the database refuses a statement to this user, and not to anybody."""
    origin: Any = error.orig
    code = origin.args[0] if origin is not None and origin.args else None
    if isinstance(code, int):
        return code in _DENIED
    if getattr(origin, "sqlstate", None) is not None:
        return bool(origin.sqlstate == "42501")
    name = getattr(origin, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith("SQLITE_READONLY")
    return isinstance(error, ProgrammingError)
