"""The ERP of a demo: it takes orders and writes commands with plain SQL, as legacy ERPs do."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from orders_sync.demo.erp_tables import read_lines, read_orders
from orders_sync.demo.records import Answer, AskedCommand, ErpOrder
from orders_sync.demo.wishes import Wish

_LOCK_SECONDS = 30.0
#: See docs/staging-tables.md.
_IS_NEW = "state = 'new' AND taken_at IS NULL"
_TAKE = (
    "UPDATE erp_orders SET taken_at = CURRENT_TIMESTAMP WHERE account = :account "
    "AND order_id = :order_id AND state = 'new' AND taken_at IS NULL"
)
_ANSWERED = "SELECT count(*) FROM erp_commands WHERE state IN ('done', 'refused')"


class PlayedErp:
    """Works on the staging tables, through a connection of its own.

    `asked` is what it has asked for, in the order of the rows.
    """

    def __init__(self, database: Path, account: str) -> None:
        self._database = sqlite3.connect(database, timeout=_LOCK_SECONDS, isolation_level=None)
        self._account = account
        self._late: dict[str, list[Wish]] = {}
        self.asked: list[AskedCommand] = []

    def new_orders(self, known: Collection[str]) -> list[ErpOrder]:
        """Look for orders that are not taken, the oldest first, but for those in `known`."""
        found = read_orders(self._database, f"WHERE {_IS_NEW} ORDER BY placed_at, order_id")
        return [
            replace(order, lines=read_lines(self._database, order.order_id))
            for order in found
            if order.order_id not in known
        ]

    def take(self, order: ErpOrder, wishes: Sequence[Wish]) -> None:
        """Take an order, and write what is wanted for it; nothing if it was cancelled meanwhile."""
        order_id = order.order_id
        with self._writing():
            taken = self._database.execute(_TAKE, {"account": self._account, "order_id": order_id})
            if taken.rowcount:
                for wish in wishes:
                    if not wish.is_late:
                        self._write(wish)
        late = [wish for wish in wishes if wish.is_late]
        if taken.rowcount and late:
            self._late[order_id] = late

    def tend(self) -> None:
        """Write what waited for an order's other commands, where those are done."""
        states = self._states(self._late)
        for order_id in [one for one in self._late if states[one] == {"done"}]:
            with self._writing():
                for wish in self._late.pop(order_id):
                    self._write(wish)

    @property
    def answered(self) -> int:
        """How many rows are done or refused."""
        found: int = self._database.execute(_ANSWERED).fetchone()[0]
        return found

    @property
    def is_content(self) -> bool:
        """Whether all that it asked for was answered."""
        return not self._late and self.answered == len(self.asked)

    def answers(self) -> dict[int, Answer]:
        """Read the answers, by row."""
        rows = self._database.execute("SELECT id, state, answer FROM erp_commands")
        return {row: Answer(state, words) for row, state, words in rows}

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _states(self, order_ids: Collection[str]) -> defaultdict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for order_id in order_ids:
            rows = self._database.execute(
                "SELECT state FROM erp_commands WHERE order_id = ?", (order_id,)
            )
            found[order_id] = {state for (state,) in rows}
        return found

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _write(self, wish: Wish) -> None:
        filled = {name: value for name, value in wish.columns.items() if value is not None}
        row = {
            "account": self._account,
            "order_id": wish.asked.order_id,
            "kind": wish.asked.kind,
            **filled,
        }
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        inserted = self._database.execute(
            f"INSERT INTO erp_commands ({names}) VALUES ({marks})",  # noqa: S608 - our own names.
            row,
        )
        self.asked.append(replace(wish.asked, row=inserted.lastrowid))
