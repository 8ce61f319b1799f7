"""The ERP of a demo: it takes orders and writes commands with plain SQL, as legacy ERPs do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection, text

from orders_sync.demo.erp_tables import (
    PATIENCE_SECONDS,
    open_as_erp,
    read_changes,
    read_erp,
    read_lines,
    read_orders,
)
from orders_sync.demo.records import Answer, AskedCommand, ErpOrder
from orders_sync.demo.wishes import Wish

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


class PlayedErp:
    """Works on the staging tables at a SQLAlchemy URL, through connections of its own.

    `asked` is what it has asked for, in the order of the rows. Where its database is locked for
    longer than its patience, each method raises what SQLAlchemy does and may be called again.
    """

    def __init__(self, url: str, account: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._engine = open_as_erp(url, patience_seconds)
        self._account = account
        self._late: dict[str, list[Wish]] = {}
        self.asked: list[AskedCommand] = []

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that are not taken, the oldest first, but for those in `known`."""
        with self._engine.connect() as connection:
            found = read_orders(connection, f"WHERE {_IS_NEW} ORDER BY placed_at, order_id")
            return [
                replace(order, lines=read_lines(connection, order.order_id))
                for order in found
                if order.order_id not in known
            ]

    def take(self, order: ErpOrder, wishes: Sequence[Wish], *, takes_changes: bool = False) -> bool:
        """Take an order, and write what is wanted for it; nothing if it was cancelled meanwhile.

        Return whether it was taken. One that `takes_changes` may be written anew.
        """
        order_id = order.order_id
        take = _TAKE_OPEN if takes_changes else _TAKE
        with self._engine.begin() as connection:
            taken = connection.execute(take, self._is(order_id))
            if taken.rowcount:
                for wish in wishes:
                    if not wish.is_late:
                        self._write(connection, wish)
        late = [wish for wish in wishes if wish.is_late]
        if taken.rowcount and late:
            self._late[order_id] = late
        return taken.rowcount > 0

    def changes(self, order_id: str) -> tuple[tuple[int, str], ...]:
        """Read what it was told that changed of an order, by revision."""
        with self._engine.connect() as connection:
            return read_changes(connection, order_id)

    def close_order(self, order_id: str, wishes: Sequence[Wish]) -> bool:
        """Take no more changes of an order, and write what is wanted for it; False: not yet."""
        with self._engine.begin() as connection:
            connection.execute(_READ_REVISION, self._is(order_id))
            is_closed = connection.execute(_CLOSE, self._is(order_id)).rowcount > 0
            for wish in wishes if is_closed else ():
                self._write(connection, wish)
        return is_closed

    def ask_to_read(self, order_id: str) -> None:
        """Have an order read again from VTEX."""
        read = AskedCommand(order_id, "sync", is_superseded=True)
        with self._engine.begin() as connection:
            self._write(connection, Wish(read, {}))

    def tend(self) -> None:
        """Write what waited for an order's other commands, where those are done."""
        states = self._states(self._late)
        for order_id in [one for one in self._late if states[one] == {"done"}]:
            with self._engine.begin() as connection:
                for wish in self._late[order_id]:
                    self._write(connection, wish)
            del self._late[order_id]

    @property
    def answered(self) -> int:
        """How many rows are done or refused."""
        with self._engine.connect() as connection:
            return int(connection.execute(_ANSWERED).scalar_one())

    @property
    def is_content(self) -> bool:
        """Whether all that it asked for was answered."""
        return not self._late and self.answered == len(self.asked)

    def answers(self) -> dict[int, Answer]:
        """Read the answers, by row."""
        with self._engine.connect() as connection:
            rows = connection.execute(_ANSWERS)
            return {row: Answer(state, words) for row, state, words in rows}

    def orders(self) -> tuple[ErpOrder, ...]:
        """Read every order that it was given."""
        return read_erp(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _is(self, order_id: str) -> dict[str, str]:
        return {"account": self._account, "order_id": order_id}

    def _states(self, order_ids: Collection[str]) -> defaultdict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        with self._engine.connect() as connection:
            for order_id in order_ids:
                rows = connection.execute(_STATES, {"order_id": order_id})
                found[order_id] = set(rows.scalars())
        return found

    def _write(self, connection: Connection, wish: Wish) -> None:
        filled = {name: value for name, value in wish.columns.items() if value is not None}
        row = {
            "account": self._account,
            "order_id": wish.asked.order_id,
            "kind": wish.asked.kind,
            **filled,
        }
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        statement = f"INSERT INTO erp_commands ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608 -- our own names
        number = connection.execute(text(statement), row).scalar_one()
        self.asked.append(replace(wish.asked, row=number))
