"""Statements that run at every step of every order, their SQL made once."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

_Convert = Callable[[Any], Any]


class Prepared:
    """A statement whose SQL is made once for each dialect.

    SQLAlchemy looks a statement up and arranges its parameters anew whenever it runs, which takes
    longer than the database takes for most of these. All parameters are given, by name. A
    statement that is worded otherwise in each dialect is given as a function of the dialect's name.
    """

    def __init__(self, statement: sa.Executable | Callable[[str], sa.Executable]) -> None:
        self._statement = statement
        self._made: dict[str, _Made] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Run it; give the rows that it returns, with the columns' names."""
        made = self._for(connection.dialect)
        result = connection.exec_driver_sql(made.sql, made.parameters(values))
        return made.rows(result)

    def run_many(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each of `rows`, for what it writes."""
        made = self._for(connection.dialect)
        connection.exec_driver_sql(made.sql, [made.parameters(values) for values in rows])

    def _for(self, dialect: sa.Dialect) -> _Made:
        made = self._made.get(dialect.name)
        if made is None:
            worded = self._statement
            statement = worded(dialect.name) if callable(worded) else worded
            made = self._made[dialect.name] = _Made(statement, dialect)
        return made


class _Made:
    """The SQL of a statement in a dialect, and how values go in and come out."""

    def __init__(self, statement: Any, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._places = compiled.positiontup if compiled.positional else None
        self._constants: dict[str, Any] = {}
        self._converted: list[tuple[str, _Convert]] = []
        for bind, name in compiled.bind_names.items():
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is
            if not bind.required:
                self._constants[name] = convert(bind.value)
            elif convert is not _as_it_is:
                self._converted.append((name, convert))
        columns = statement.exported_columns
        self._row = namedtuple("Row", columns.keys()) if columns else None  # noqa: PYI024 - its columns are known only here.
        self._conversions = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) or _as_it_is
            for column in columns
        ]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Arrange values as the driver takes them."""
        given = {**values, **self._constants}
        for name, convert in self._converted:
            given[name] = convert(given[name])
        return given if self._places is None else tuple([given[name] for name in self._places])

    def rows(self, result: sa.CursorResult[Any]) -> Sequence[Any]:
        """Read the rows that came."""
        if self._row is None:
            return ()
        return [
            self._row(
                *(convert(value) for convert, value in zip(self._conversions, row, strict=True))
            )
            for row in result
        ]


def _as_it_is(value: Any) -> Any:
    return value
