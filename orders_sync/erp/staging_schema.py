"""The schema of the staging tables in a database: brought up to date, and examined without a trace.

Columns and tables are added, and MySQL's texts are widened; nothing else is changed, and no row. So
an ERP goes on with the tables as it knows them. Several processes may do so at once, and a database
that refuses it is told by the statements that its owner has to run.

To examine it, only catalogues are asked. Whether the user's rights suffice is known before the
first use on PostgreSQL and for files of SQLite's; elsewhere the first use says what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Function,
    Table,
    Text,
    bindparam,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.schema import CreateTable, SetColumnComment

from orders_sync.database_engines import may_write, reading_engine, sqlite_path
from orders_sync.database_failures import Outage
from orders_sync.erp.staging_database import SETTING, explained
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

#: What MySQL and MariaDB answer to somebody without the right.
_DENIED: Final = frozenset({1044, 1142, 1143, 1227})
#: Databases that add several columns in one statement.
_ADD_MANY: Final = frozenset({"postgresql", "mysql", "mariadb"})
#: While a statement waits for the ERP's transactions, those that come later wait behind it.
_SHORT_WAIT: Final = "SET LOCAL lock_timeout = '1s'"
_ADD: Final = {"mssql": "ADD", "oracle": "ADD"}

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


def upgrade_tables(engine: Engine, *, now: datetime) -> None:
    """Create the staging tables, or add what those of an earlier version lack.

    Raises:
        ErpUnavailable: the database refuses to; the message has the statements to run.
        DBAPIError: the database is away, too slow or locked.
    """
    try:
        create_tables(engine)
        with engine.connect() as connection:
            is_old = _version_of(connection) < VERSION
        if is_old:
            _add_what_is_missing(engine)
            _note_version(engine, now)
    except DBAPIError as error:
        if not lacks_right(error):
            raise
        with engine.connect() as connection:
            statements = missing_statements(connection)
        raise ErpUnavailable(_of_owner(statements)) from None


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
    """Open a connection that leaves no trace.

    Raises:
        ErpUnavailable: the database cannot be reached.
    """
    path = sqlite_path(engine.url)
    reader = engine if path is None else reading_engine(path)
    with explained(), reader.connect() as connection:
        yield connection


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


def create_tables(engine: Engine) -> None:
    """Create what is missing of the staging tables; safe while others do the same."""
    for table in METADATA.sorted_tables:
        try:
            METADATA.create_all(engine, tables=[table])
        except DBAPIError:
            # Where databases do not lock the catalogue, the other process has created it by now.
            METADATA.create_all(engine, tables=[table])


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
    """Comment each added column in the catalogue, where that takes a statement."""
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


def _version_of(connection: Connection) -> int:
    """Return the version that the tables have by their own account; 0 where it is not noted."""
    return connection.execute(select(func.max(ERP_SCHEMA.c.version))).scalar() or 0


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
    if _version_of(connection) < VERSION:
        return f"its first use brings the tables to version {VERSION}"
    lacking = _missing_columns(connection)
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
        raise ConfigurationError(_of_owner(statements))


def _privilege(name: str, right: str) -> Function[bool]:
    """Return the query for a right; rows are deleted whole, so no column has that right."""
    is_whole = right == "DELETE"
    ask = func.has_table_privilege if is_whole else func.has_any_column_privilege
    return ask(name, right)


def _missing_columns(connection: Connection) -> list[str]:
    """List the columns, as `table.column`, that the database's staging tables lack."""
    return [
        f"{table.name}.{name}"
        for table in METADATA.sorted_tables
        for name in _lacking(table, connection)
    ]


def _lacking(table: Table, connection: Connection) -> list[str]:
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    return [column.name for column in table.columns if column.name not in present]


def _of_owner(statements: Sequence[str]) -> str:
    """Return what to do where the user may not run the statements."""
    return (
        "The staging tables are to be brought up to date, and the database does not let this "
        f"user do so. Let their owner run: {' '.join(f'{text};' for text in statements)}"
    )


def _unusable(outage: Outage) -> ErpUnavailable:
    return ErpUnavailable(f"The staging database {outage.behaviour}. {outage.remedy(SETTING)}")
