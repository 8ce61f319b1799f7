"""Searches among the ledger's orders, commands and parked work, and how much else there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa

from orders_sync.domain.rules import Standing
from orders_sync.ledger.engine import Database
from orders_sync.ledger.tables import commands, orders, strays

#: What is beyond is not counted: nobody reads so many, and a large ledger would be slow.
COUNTED = 100_000

#: So many of the latest rows of a cause are asked for what a person can do.
_HINTS = 50

#: VTEX numbers the orders of one purchase from 01; few purchases have more sellers than this.
_SUBORDERS = 9


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """Which orders are looked for; None means any. `heard_before` goes by the first event."""

    account: str | None = None
    accounts: Collection[str] | None = None
    standing: Standing | None = None
    status: str | None = None
    cause: str | None = None
    heard_before: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the search as conditions on the orders table."""
        values = [
            (orders.c.account, self.account),
            (orders.c.status, self.status),
            (orders.c.cause, self.cause),
        ]
        conditions = [column == value for column, value in values if value is not None]
        if self.standing is not None:
            conditions.append(_stands(orders, self.standing))
        if self.accounts is not None:
            conditions.append(orders.c.account.in_(self.accounts))
        if self.heard_before is not None:
            conditions.append(orders.c.first_seen_at < self.heard_before)
        return conditions


@dataclass(frozen=True, slots=True)
class CommandSearch:
    """Which commands are looked for; None means any. `asked_before` goes by the latest retry."""

    account: str | None = None
    accounts: Collection[str] | None = None
    order_id: str | None = None
    kind: str | None = None
    standing: Standing | None = None
    cause: str | None = None
    asked_before: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the search as conditions on the commands table; the standing is left out."""
        values = [
            (commands.c.account, self.account),
            (commands.c.order_id, self.order_id),
            (commands.c.kind, self.kind),
            (commands.c.cause, self.cause),
        ]
        conditions = [column == value for column, value in values if value is not None]
        if self.accounts is not None:
            conditions.append(commands.c.account.in_(self.accounts))
        if self.asked_before is not None:
            asked_at = sa.func.coalesce(commands.c.retried_at, commands.c.created_at)
            conditions.append(asked_at < self.asked_before)
        return conditions


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where a page of a list ends: the last row's time, by which the list is ordered, and id."""

    at: datetime
    row_id: str

    def to_text(self) -> str:
        """Return it as a text that a caller hands back for the next page."""
        return f"{self.at.isoformat()}|{self.row_id}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read such a text.

        Raises:
            ValueError: it is none.
        """
        moment, _, row_id = text.partition("|")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or "\0" in row_id:
            raise ValueError("it has no offset from UTC, or an id that is none")
        try:
            return cls(at.astimezone(UTC), row_id)
        except OverflowError:
            raise ValueError("it is before all times") from None


class Searches:
    """Searches orders and commands, and counts what is parked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest_orders(
        self, search: OrderSearch, *, limit: int, after: PageEnd | None = None
    ) -> Sequence[dict[str, Any]]:
        """Return orders, the latest changed first; with `after`, those beyond the end of a page."""
        statement = (
            sa.select(orders)
            .where(*search.conditions(), *beyond(after, orders.c.updated_at, orders.c.order_id))
            .order_by(orders.c.updated_at.desc(), orders.c.order_id.desc())
            .limit(limit)
        )
        return _rows(self._database, statement)

    def search_orders(
        self, search: OrderSearch, *, limit: int, after: PageEnd | None = None
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """Return orders as `latest_orders` does, and the number of all (at most `COUNTED`)."""
        rows = self.latest_orders(search, limit=limit, after=after)
        all_of_them = sa.select(orders.c.order_id).where(*search.conditions())
        return rows, _counted(self._database, all_of_them, rows, limit, after)

    def latest_commands(
        self, search: CommandSearch, *, limit: int, after: PageEnd | None = None
    ) -> Sequence[dict[str, Any]]:
        """Return commands, the latest changed first; with `after`, those beyond the end of a page.

        Commands are indexed by standing and time, so the latest of each standing are put together.
        """
        standings = list(Standing) if search.standing is None else [search.standing]
        of_each = [
            sa.select(commands)
            .where(_stands(commands, standing), *search.conditions())
            .where(*beyond(after, commands.c.updated_at, commands.c.id))
            .order_by(commands.c.updated_at.desc(), commands.c.id.desc())
            .limit(limit)
            .subquery()
            for standing in standings
        ]
        some = sa.union_all(*(sa.select(part) for part in of_each)).subquery()
        latest = sa.select(some).order_by(some.c.updated_at.desc(), some.c.id.desc()).limit(limit)
        return _rows(self._database, latest)

    def search_commands(
        self, search: CommandSearch, *, limit: int, after: PageEnd | None = None
    ) -> tuple[Sequence[dict[str, Any]], int]:
        """Return commands as `latest_commands` does, and the number of all (at most `COUNTED`)."""
        rows = self.latest_commands(search, limit=limit, after=after)
        all_of_them = sa.select(commands.c.id).where(*search.conditions())
        if search.standing is not None:
            all_of_them = all_of_them.where(_stands(commands, search.standing))
        return rows, _counted(self._database, all_of_them, rows, limit, after)

    def parked_counts(self, account: str | None = None) -> Mapping[str, int]:
        """Count what is parked, orders and commands together, by cause."""
        counts: Counter[str] = Counter()
        with self._database.reading() as connection:
            for table in (orders, commands):
                statement = (
                    sa.select(table.c.cause, sa.func.count())
                    .where(_stands(table, Standing.PARKED))
                    .group_by(table.c.cause)
                )
                if account is not None:
                    statement = statement.where(table.c.account == account)
                for cause, number in connection.execute(statement):
                    counts[cause or ""] += number
        return counts

    def parked_groups(self, accounts: Collection[str] | None = None) -> Sequence[ParkedGroup]:
        """Return what is parked by cause, of accounts or of all: what most wait for comes first."""
        groups: dict[str, ParkedGroup] = {}
        with self._database.reading() as connection:
            for table in (orders, commands):
                statement = (
                    sa.select(
                        table.c.cause,
                        sa.func.count().label("number"),
                        sa.func.min(table.c.updated_at).label("oldest"),
                    )
                    .where(_stands(table, Standing.PARKED))
                    .group_by(table.c.cause)
                )
                if accounts is not None:
                    statement = statement.where(table.c.account.in_(accounts))
                for row in connection.execute(statement).all():
                    group = ParkedGroup(
                        cause=row.cause or "",
                        orders=row.number if table is orders else 0,
                        commands=row.number if table is commands else 0,
                        oldest=row.oldest,
                        hint=_hint(connection, table, row.cause, accounts),
                    )
                    other = groups.get(group.cause)
                    groups[group.cause] = _together(other, group) if other else group
        return sorted(groups.values(), key=lambda group: (-group.total, group.cause))

    def parked_ids(self, beginning: str, *, limit: int) -> Sequence[str]:
        """Return the ids of parked orders, commands and strays that begin so."""
        ids: list[str] = []
        with self._database.reading() as connection:
            for column, table in (
                (orders.c.order_id, orders),
                (commands.c.id, commands),
                (strays.c.id, strays),
            ):
                statement = (
                    sa.select(column)
                    .where(table.c.standing == Standing.PARKED)
                    .where(column.startswith(beginning, autoescape=True))
                    .limit(limit)
                )
                ids += connection.execute(statement).scalars()
        return ids


def _stands(table: sa.Table, standing: Standing) -> sa.ColumnElement[bool]:
    # Written out, since a database does not use an index of some rows for what it cannot see.
    return table.c.standing == sa.literal(standing.value, literal_execute=True)


def beyond(
    page_end: PageEnd | None, at: sa.ColumnElement[Any], row_id: sa.ColumnElement[Any]
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on rows beyond the end of a page, in the descending order of both."""
    if page_end is None:
        return []
    # The first condition is one that an index of times serves.
    return [at <= page_end.at, sa.or_(at < page_end.at, row_id < page_end.row_id)]


def _rows(database: Database, statement: sa.Select[Any]) -> Sequence[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def _counted(
    database: Database,
    all_of_them: sa.Select[Any],
    rows: Sequence[Any],
    limit: int,
    after: PageEnd | None,
) -> int:
    if len(rows) < limit and after is None:
        return len(rows)
    some = all_of_them.limit(COUNTED).subquery()
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


@dataclass(frozen=True, slots=True)
class ParkedGroup:
    """What is parked for one cause; `hint` is None where the latest have more than one."""

    cause: str
    orders: int
    commands: int
    oldest: datetime
    hint: str | None

    @property
    def total(self) -> int:
        """How many are parked for the cause."""
        return self.orders + self.commands


def _hint(
    connection: sa.Connection, table: sa.Table, cause: str | None, accounts: Collection[str] | None
) -> str | None:
    """Return the hint that the latest rows of a cause have in common, of all or of accounts."""
    statement = (
        sa.select(table.c.hint)
        .where(_stands(table, Standing.PARKED), table.c.cause == cause)
        .order_by(table.c.updated_at.desc())
        .limit(_HINTS)
    )
    if accounts is not None:
        statement = statement.where(table.c.account.in_(accounts))
    [*hints] = {*connection.execute(statement).scalars()}
    return hints[0] if len(hints) == 1 else None


def _together(group: ParkedGroup, other: ParkedGroup) -> ParkedGroup:
    return ParkedGroup(
        cause=group.cause,
        orders=group.orders + other.orders,
        commands=group.commands + other.commands,
        oldest=min(group.oldest, other.oldest),
        hint=group.hint if group.hint == other.hint else None,
    )
