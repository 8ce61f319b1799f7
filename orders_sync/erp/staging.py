"""An ERP that is some tables in a SQL database, which the real ERP reads and writes.

The tables are described in `docs/staging-tables.md`.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import URL, and_, insert, select, update
from sqlalchemy.exc import DBAPIError

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.domain.time import Clock, utc_now
from orders_sync.erp.base import CancelAnswer, ChangeAnswer, Decision, ErpBase, Receipt
from orders_sync.erp.staging_commands import (
    OFFERED,
    PAGE_ROWS,
    answering,
    as_command,
    unserved,
)
from orders_sync.erp.staging_database import (
    CONNECTIONS,
    close_engine,
    explained,
    is_refusal,
    open_engine,
)
from orders_sync.erp.staging_orders import (
    CANCELLED,
    FIRST,
    NEW,
    cancel,
    consider,
    take_change,
    write_parts,
)
from orders_sync.erp.staging_rows import order_row, tombstone_row
from orders_sync.erp.staging_schema import examine_tables, reading, upgrade_tables
from orders_sync.erp.staging_tables import ERP_ORDERS
from orders_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import ColumnElement, Engine

    from orders_sync.domain.differences import Changes
    from orders_sync.domain.order import Order
    from orders_sync.erp.base import CommandOutcome

AGREE_UNTIL_TAKEN: Final = "agree_until_taken"
ASK: Final = "ask"
UNTIL_TAKEN: Final = "until_taken"
IGNORE: Final = "ignore"


class StagingErp(ErpBase):
    """Writes each order once into `erp_orders` and the tables beside it, and reads `erp_commands`.

    An order that changes is written again there, with a higher revision, until the ERP's row says
    that it changes no more.

    Its option `url` is a SQLAlchemy database URL; without one, the tables are in the SQLite file
    `erp.sqlite3` in `home`. They are created on first use, and brought up to date.

    Its option `cancellation` says who decides about a customer's wish to cancel:

    - `agree_until_taken` (default): the adapter agrees for an order that the ERP has not taken,
      since nobody works on it, so also an ERP that knows nothing of the question gets it right.
      Once the order is taken, the ERP decides.
    - `ask`: the ERP decides about every order.

    A policy that always denies is not needed: the ERP may write its decision before it is asked,
    best in the statement by which it takes the order.

    Its option `changes` says what becomes of an order that VTEX changes after it was written:

    - `until_taken` (default): the order is written again until the ERP has taken it, or for as long
      as the ERP's own row says (`takes_changes`).
    - `ignore`: nothing; nobody reads the order again for it.

    Its option `connections` is how many the process may have to that database at once; accounts
    with the same `url` and `connections` share them.
    """

    answers_at_once: ClassVar[int] = PAGE_ROWS
    asks_mapping: ClassVar[bool] = False
    known_options: ClassVar[frozenset[str]] = frozenset(
        {"url", "cancellation", "changes", "connections"}
    )

    def __init__(
        self,
        account: str,
        options: Mapping[str, Any],
        home: Path,
        *,
        clock: Clock = utc_now,
    ) -> None:
        super().__init__(account, options, home)
        self._clock = clock
        policy = self._choice("cancellation", AGREE_UNTIL_TAKEN, ASK)
        self._agrees_until_taken = policy == AGREE_UNTIL_TAKEN
        self._takes_changes = self._choice("changes", UNTIL_TAKEN, IGNORE) == UNTIL_TAKEN
        self._engine = open_engine(self._url(), self._connections())
        self._lock = Lock()
        self._is_ready = False
        self._is_closed = False

    def place_order(self, order: Order) -> Receipt:
        """Write the order and its lines in one transaction, or find that they are there.

        An order that was cancelled before it came is written as cancelled.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ErpRefused: The tables cannot hold the order, or a rule of the ERP's refuses it.
        """
        with explained(order):
            try:
                return self._write(order)
            except DBAPIError as error:
                if not is_refusal(error):
                    raise
                # Only the unique key decides whether the order is new; somebody else was first.
                # A rule of the ERP's may come before that key, and refuse what is there.
                earlier = self._complete(order)
                if earlier is None:
                    raise
                return earlier

    @property
    def takes_changes(self) -> bool:
        """Return whether orders that change are written again, as the options say."""
        return self._takes_changes

    def order_changed(self, order: Order, what: Changes) -> ChangeAnswer:
        """Bring the order's rows to a new revision in one transaction; see `take_change`.

        An order that is cancelled stays as it is.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ErpRefused: The tables do not have the order, cannot hold it as it is, or a rule of the
                ERP's refuses the change.
        """
        now = self._clock()
        with explained(order), self._ready_engine().begin() as connection:
            return take_change(connection, self.account, order, what, now=now)

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Mark the order as cancelled, unless the ERP took it and has not agreed to it.

        An order that is not there gets a row that is cancelled, its tombstone: a call that places
        the order later, or at this instant, meets the same unique key.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ErpRefused: The tables cannot hold the tombstone, or a rule of the ERP's refuses it.
        """
        with explained():
            answer = self._cancel(order_id, reason)
            if answer is not CancelAnswer.UNKNOWN:
                return answer
            try:
                self._write_tombstone(order_id, reason)
            except DBAPIError as error:
                if not is_refusal(error):
                    raise
                # Somebody else's row came first.
                answer = self._cancel(order_id, reason)
                if answer is CancelAnswer.UNKNOWN:
                    raise
            return answer

    def consider_cancellation(self, order: Order) -> Decision:
        """Write the question into the order's row, and read the decision there.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ErpRefused: A rule of the ERP's refuses the question.
        """
        with explained(order), self._ready_engine().begin() as connection:
            return consider(
                connection,
                self._is(order.order_id),
                agrees_until_taken=self._agrees_until_taken,
                now=self._clock(),
            )

    def pull(self, cursor: str | None) -> Page[Command]:  # noqa: ARG002 -- ids are given before commit, so none is a cursor
        """Read up to a hundred rows of `erp_commands` that were not answered, oldest first.

        There is never a cursor: what was answered is not offered any more, so where the page is
        full, answer its commands and pull again.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        with explained(), self._ready_engine().connect() as connection:
            rows = connection.execute(OFFERED, {"of_account": self.account}).mappings().all()
        return Page(rows=[as_command(row) for row in rows], cursor=None)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Write the outcome into the command's row, unless a later one is there.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        self.answer_all([(command, outcome)])

    def answer_all(self, answers: Sequence[CommandOutcome]) -> None:
        """Write the outcomes in one transaction, all or none; see `answer`.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ErpRefused: The table does not take one of them.
        """
        rows = answering(self.account, answers, self._clock())
        if rows:
            with explained(), self._ready_engine().begin() as connection:
                for statement, values in rows.items():
                    connection.execute(statement, values)

    def unserved(self, accounts: Collection[str]) -> Mapping[str, int]:
        """Count the rows of `erp_commands` that wait for accounts which are none of these.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(unserved(accounts))
            return {row.account: row.number for row in rows}

    def check(self) -> str | None:
        """Check the tables and what the user may do with them; change nothing.

        Return what the first use will make or add, None where all is there.

        Raises:
            ErpUnavailable: The database cannot be reached, or not be written.
            ConfigurationError: A right is missing, or a column that the first use does not add.
        """
        return examine_tables(self._engine, makes_folder="url" not in self.options)

    def close(self) -> None:
        """Close the connections to the database, unless another account uses them."""
        with self._lock:
            if not self._is_closed:
                close_engine(self._engine)
                self._is_closed = True

    def _url(self) -> str | URL:
        url = self.options.get("url")
        if url is None:
            return URL.create("sqlite", database=str(self.home / "erp.sqlite3"))
        if not isinstance(url, str):
            raise ConfigurationError("url must be a text")
        return url

    def _connections(self) -> int:
        connections = self.options.get("connections", CONNECTIONS)
        if type(connections) is not int or connections < 1:
            raise ConfigurationError(f"connections must be a whole number, such as {CONNECTIONS}")
        return connections

    def _choice(self, option: str, default: str, other: str) -> str:
        chosen = self.options.get(option, default)
        if chosen not in (default, other):
            raise ConfigurationError(f"{option} must be {default} or {other}")
        return str(chosen)

    def _ready_engine(self) -> Engine:
        """Return the engine, after its tables were created or brought up to date once."""
        with self._lock:
            if not self._is_ready:
                if "url" not in self.options:
                    self.home.mkdir(parents=True, exist_ok=True)
                upgrade_tables(self._engine, now=self._clock())
                self._is_ready = True
        return self._engine

    def _write(self, order: Order) -> Receipt:
        receipt = self._receipt(order.order_id)
        row = {
            **order_row(order),
            "account": self.account,
            "reference": receipt.reference,
            "state": NEW,
            "placed_at": self._clock(),
            "revision": FIRST,
        }
        with self._ready_engine().begin() as connection:
            connection.execute(insert(ERP_ORDERS), row)
            write_parts(connection, self.account, order)
        return receipt

    def _complete(self, order: Order) -> Receipt | None:
        """Return the receipt of an order that has a row, None if it has none.

        A tombstone gets what is known of its order, and stays cancelled.
        """
        is_order, columns = self._is(order.order_id), ERP_ORDERS.c
        fill = (
            update(ERP_ORDERS)
            .where(is_order, columns.state == CANCELLED, columns.status.is_(None))
            .values({**order_row(order), "placed_at": self._clock()})
        )
        with self._ready_engine().begin() as connection:
            if connection.execute(fill).rowcount:
                write_parts(connection, self.account, order)
            look = select(columns.reference).where(is_order)
            reference = connection.execute(look).scalar_one_or_none()
        return None if reference is None else Receipt(reference)

    def _cancel(self, order_id: str, reason: str) -> CancelAnswer:
        now = self._clock()
        with self._ready_engine().begin() as connection:
            return cancel(connection, self._is(order_id), reason=reason, now=now)

    def _write_tombstone(self, order_id: str, reason: str) -> None:
        now = self._clock()
        row = {
            **tombstone_row(order_id),
            "account": self.account,
            "reference": self._receipt(order_id).reference,
            "state": CANCELLED,
            "placed_at": now,
            "cancelled_at": now,
            "cancel_reason": reason,
        }
        with self._ready_engine().begin() as connection:
            connection.execute(insert(ERP_ORDERS), row)

    def _receipt(self, order_id: str) -> Receipt:
        return Receipt(f"{self.account}/{order_id}")

    def _is(self, order_id: str) -> ColumnElement[bool]:
        return and_(ERP_ORDERS.c.account == self.account, ERP_ORDERS.c.order_id == order_id)
