"""The ERP of a demo: it takes orders and writes commands with plain SQL, as legacy ERPs do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text

from orders_sync.database_engines import is_mysql, is_postgresql, mysql_engine, postgresql_engine
from orders_sync.demo.records import AskedCommand, CommandAnswer, ErpOrder, SoldLine
from orders_sync.demo.scenarios import DraftCommand

#: How long the ERP waits for its own database.
PATIENCE_SECONDS = 30.0

#: See docs/staging-tables.md.
_IS_NEW = "state = 'new' AND taken_at IS NULL"

_TAKE = text(
    "UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP WHERE account = :account "
    "AND order_id = :order_id AND state = 'new' AND taken_at IS NULL"
)

_TAKE_OPEN = text(
    "UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP, takes_changes = TRUE, "
    "taken_revision = COALESCE(revision, 1) WHERE account = :account "
    "AND order_id = :order_id AND state = 'new' AND taken_at IS NULL"
)

_READ_REVISION = text(
    "UPDATE erp_orders SET taken_revision = revision "
    "WHERE account = :account AND order_id = :order_id"
)

_CLOSE = text(
    "UPDATE erp_orders SET takes_changes = FALSE WHERE account = :account "
    "AND order_id = :order_id AND state = 'new' AND revision = taken_revision"
)

_ANSWERED = text("SELECT count(*) FROM erp_commands WHERE state IN ('done', 'refused')")
_ANSWERS = text("SELECT id, state, answer FROM erp_commands")
_STATES = text("SELECT state FROM erp_commands WHERE order_id = :order_id")

_ORDERS = (
    "SELECT order_id, state, value_cents, placed_at, freight_cents, beside_cents, changes_cents, "
    "other_cents, difference_cents FROM erp_orders"
)

#: The others were cancelled before they came; see docs/staging-tables.md.
_CAME = "status IS NOT NULL"

_LINES = text(
    "SELECT line_id, sku, quantity, total_cents, tax_cents, "
    "(SELECT coalesce(sum(s.total_cents), 0) FROM erp_order_services s "
    "WHERE s.order_id = l.order_id AND s.line_index = l.line_index) "
    "FROM erp_order_lines l WHERE order_id = :order_id ORDER BY line_index"
)

_CHANGES = text(
    "SELECT revision, what FROM erp_order_changes WHERE order_id = :order_id "
    "ORDER BY revision, change_index"
)


class PlayedStaging:
    """Works on the staging tables at a SQLAlchemy URL, through connections of its own.

    `asked` is what it has asked for, in the order of the rows. Where its database is locked for
    longer than its patience, each method raises what SQLAlchemy does and may be called again.
    """

    def __init__(self, url: str, account: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._engine = open_as_erp(url, patience_seconds)
        self._account = account
        self._late: dict[str, list[DraftCommand]] = {}
        self.asked: list[AskedCommand] = []

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that are not taken, the oldest first, but for those in `known`."""
        with self._engine.connect() as connection:
            orders = read_orders(connection, f"WHERE {_IS_NEW} ORDER BY placed_at, order_id")
            return [
                replace(order, lines=read_lines(connection, order.order_id))
                for order in orders
                if order.order_id not in known
            ]

    def take(
        self, order: ErpOrder, drafts: Sequence[DraftCommand], *, takes_changes: bool = False
    ) -> bool:
        """Take an order, and write what is wanted for it; nothing if it was cancelled meanwhile.

        Return whether it was taken. One that `takes_changes` may be written anew.
        """
        order_id = order.order_id
        take = _TAKE_OPEN if takes_changes else _TAKE
        with self._engine.begin() as connection:
            taken = connection.execute(take, self._is(order_id))
            if taken.rowcount:
                for draft in drafts:
                    if not draft.is_late:
                        self._write(connection, draft)
        late = [draft for draft in drafts if draft.is_late]
        if taken.rowcount and late:
            self._late[order_id] = late
        return taken.rowcount > 0

    def changes(self, order_id: str) -> tuple[tuple[int, str], ...]:
        """Read what it was told that changed of an order, by revision."""
        with self._engine.connect() as connection:
            return read_changes(connection, order_id)

    def close_order(self, order_id: str, drafts: Sequence[DraftCommand]) -> bool:
        """Take no more changes of an order, and write what is wanted for it; False: not yet."""
        with self._engine.begin() as connection:
            connection.execute(_READ_REVISION, self._is(order_id))
            is_closed = connection.execute(_CLOSE, self._is(order_id)).rowcount > 0
            for draft in drafts if is_closed else ():
                self._write(connection, draft)
        return is_closed

    def ask_to_read(self, order_id: str) -> None:
        """Send the command to read an order again from VTEX."""
        read = AskedCommand(order_id, "sync", is_superseded=True)
        with self._engine.begin() as connection:
            self._write(connection, DraftCommand(read, {}))

    def tend(self) -> None:
        """Write what waited for an order's other commands, where those are done."""
        states = self._states(self._late)
        for order_id in [late for late in self._late if states[late] == {"done"}]:
            with self._engine.begin() as connection:
                for draft in self._late[order_id]:
                    self._write(connection, draft)
            del self._late[order_id]

    @property
    def answered(self) -> int:
        """How many rows are done or refused."""
        with self._engine.connect() as connection:
            return int(connection.execute(_ANSWERED).scalar_one())

    @property
    def is_answered(self) -> bool:
        """Whether all that it asked for was answered."""
        return not self._late and self.answered == len(self.asked)

    def answers(self) -> dict[int, CommandAnswer]:
        """Read the answers, by row."""
        with self._engine.connect() as connection:
            rows = connection.execute(_ANSWERS)
            return {row: CommandAnswer(state, words) for row, state, words in rows}

    def orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that it was given."""
        return read_erp(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _is(self, order_id: str) -> dict[str, str]:
        return {"account": self._account, "order_id": order_id}

    def _states(self, order_ids: Collection[str]) -> defaultdict[str, set[str]]:
        by_order: defaultdict[str, set[str]] = defaultdict(set)
        with self._engine.connect() as connection:
            for order_id in order_ids:
                rows = connection.execute(_STATES, {"order_id": order_id})
                by_order[order_id] = set(rows.scalars())
        return by_order

    def _write(self, connection: Connection, draft: DraftCommand) -> None:
        filled = {name: value for name, value in draft.columns.items() if value is not None}
        row = {
            "account": self._account,
            "order_id": draft.asked.order_id,
            "kind": draft.asked.kind,
            **filled,
        }
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        statement = f"INSERT INTO erp_commands ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608 -- our own names
        number = connection.execute(text(statement), row).scalar_one()
        self.asked.append(replace(draft.asked, row=number))


def open_as_erp(url: str, patience_seconds: float = PATIENCE_SECONDS) -> Engine:
    """Make an engine of the ERP itself, without connecting; on MySQL, its bounds are fixed."""
    parsed = make_url(url)
    if is_postgresql(parsed):
        return postgresql_engine(parsed, setting="url", seconds=patience_seconds)
    if is_mysql(parsed):
        return mysql_engine(parsed, setting="url")
    return create_engine(parsed, connect_args={"timeout": patience_seconds})


def read_erp(engine: Engine) -> tuple[ErpOrder, ...]:
    """Read every order that came to the ERP; none where its tables are not there yet."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("erp_orders"):
            return ()
        return tuple(
            replace(
                order,
                lines=read_lines(connection, order.order_id),
                changes=read_changes(connection, order.order_id),
            )
            for order in read_orders(connection, f"WHERE {_CAME} ORDER BY order_id")
        )


def read_orders(connection: Connection, clauses: str) -> list[ErpOrder]:
    """Read the orders that SQL clauses choose, without their lines."""
    return [
        ErpOrder(order_id, state, value_cents, (), _instant(placed_at), *parts)
        for order_id, state, value_cents, placed_at, *parts in connection.execute(
            text(f"{_ORDERS} {clauses}")
        )
    ]


def read_lines(connection: Connection, order_id: str) -> tuple[SoldLine, ...]:
    """Read the lines of an order."""
    rows = connection.execute(_LINES, {"order_id": order_id})
    return tuple(replace(SoldLine(*facts), service_cents=int(cents)) for *facts, cents in rows)


def read_changes(connection: Connection, order_id: str) -> tuple[tuple[int, str], ...]:
    """Read what changed of an order, by revision."""
    rows = connection.execute(_CHANGES, {"order_id": order_id})
    return tuple((revision, what) for revision, what in rows)


def _instant(placed_at: datetime | str) -> float:
    """Read a time; SQLite has it as SQLAlchemy writes it there: in UTC, without saying so."""
    moment = datetime.fromisoformat(placed_at) if isinstance(placed_at, str) else placed_at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
