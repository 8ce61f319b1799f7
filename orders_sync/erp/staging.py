"""An ERP that is three tables in a SQL database, which the real ERP reads and writes.

The tables are described in `docs/staging-tables.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import URL, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from orders_sync.domain.commands import Command, Outcome, Page
from orders_sync.erp.base import CancelAnswer, Decision, ErpBase, Receipt
from orders_sync.erp.staging_cancellation import AGREE, CANCELLING, NEW, consider
from orders_sync.erp.staging_commands import answered, as_command, offered
from orders_sync.erp.staging_database import (
    CONNECTIONS,
    close_engine,
    create_tables,
    explain,
    missing_columns,
    open_engine,
)
from orders_sync.erp.staging_rows import line_rows, order_row
from orders_sync.erp.staging_tables import ERP_ORDER_LINES, ERP_ORDERS
from orders_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy import ColumnElement, Engine

    from orders_sync.domain.order import Order

CANCELLED: Final = "cancelled"

AGREE_UNTIL_TAKEN: Final = "agree_until_taken"
ASK: Final = "ask"

#: A driver raises the latter two for a number or a text that its database has no form for.
_FAILURES = (SQLAlchemyError, OverflowError, UnicodeError)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StagingErp(ErpBase):
    """Writes each order once into `erp_orders` and `erp_order_lines`, and reads `erp_commands`.

    Its option `url` is a SQLAlchemy database URL; without one, the tables are in the SQLite file
    `erp.sqlite3` in `home`. They are created on first use.

    Its option `cancellation` says who decides about a customer's wish to cancel:

    - `agree_until_taken` (default): the adapter agrees for an order that the ERP has not taken,
      since nobody works on it, so also an ERP that knows nothing of the question gets it right.
      Once the order is taken, the ERP decides.
    - `ask`: the ERP decides about every order.

    A policy that always denies is not needed: the ERP may write its decision before it is asked,
    best in the statement by which it takes the order.

    Its option `connections` is how many the process may have to that database at once; accounts
    with the same `url` and `connections` share them.
    """

    known_options: ClassVar[frozenset[str]] = frozenset({"url", "cancellation", "connections"})

    def __init__(
        self,
        account: str,
        options: Mapping[str, Any],
        home: Path,
        *,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__(account, options, home)
        self._clock = clock
        self._agrees_until_taken = self._cancellation() == AGREE_UNTIL_TAKEN
        self._engine = open_engine(self._url(), self._connections())
        self._lock = Lock()
        self._is_ready = False
        self._is_closed = False

    def place_order(self, order: Order) -> Receipt:
        """Write the order and its lines in one transaction, or find that they are there.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ErpRefused: The tables cannot hold the order.
        """
        receipt = Receipt(f"{self.account}/{order.order_id}")
        try:
            self._write(order, receipt)
        except IntegrityError as error:
            # Only the unique key decides whether the order is new; somebody else was first.
            earlier = self._find_receipt(order.order_id)
            if earlier is None:
                raise explain(error) from None
            return earlier
        except _FAILURES as error:
            raise explain(error) from None
        return receipt

    def cancel_order(self, order_id: str, reason: str) -> CancelAnswer:
        """Mark the order as cancelled, unless the ERP took it: one statement decides which.

        An order that was taken is cancelled nevertheless where the ERP has agreed to it.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        columns = ERP_ORDERS.c
        is_free = or_(columns.taken_at.is_(None), columns.cancellation_decision == AGREE)
        cancel = (
            update(ERP_ORDERS)
            .where(self._is(order_id), columns.state.in_((NEW, CANCELLING)), is_free)
            .values(state=CANCELLED, cancelled_at=self._clock(), cancel_reason=reason)
        )
        look = select(ERP_ORDERS.c.state).where(self._is(order_id))
        try:
            with self._ready_engine().begin() as connection:
                if connection.execute(cancel).rowcount:
                    return CancelAnswer.CANCELLED
                state = connection.execute(look).scalar_one_or_none()
        except _FAILURES as error:
            raise explain(error) from None
        if state is None:
            return CancelAnswer.UNKNOWN
        return CancelAnswer.CANCELLED if state == CANCELLED else CancelAnswer.TOO_LATE

    def consider_cancellation(self, order: Order) -> Decision:
        """Note in the order's row that the question was put, and read the decision there.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        try:
            with self._ready_engine().begin() as connection:
                return consider(
                    connection,
                    self._is(order.order_id),
                    agrees_until_taken=self._agrees_until_taken,
                    now=self._clock(),
                )
        except _FAILURES as error:
            raise explain(error) from None

    def pull(self, cursor: str | None) -> Page[Command]:  # noqa: ARG002 -- ids are given before commit, so none is a cursor
        """Read up to a hundred rows of `erp_commands` that were not answered, oldest first.

        There is never a cursor: what was answered is not offered any more, so where the page is
        full, answer its commands and pull again.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        try:
            with self._ready_engine().connect() as connection:
                rows = connection.execute(offered(self.account)).mappings().all()
        except _FAILURES as error:
            raise explain(error) from None
        return Page(rows=[as_command(row) for row in rows], cursor=None)

    def answer(self, command: Command, outcome: Outcome) -> None:
        """Write the outcome into the command's row, unless a later one is there.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        if command.key is None:
            return
        write = answered(self.account, command.key, outcome, self._clock())
        try:
            with self._ready_engine().begin() as connection:
                connection.execute(write)
        except _FAILURES as error:
            raise explain(error) from None

    def check(self) -> None:
        """Connect, create the tables if need be, and compare their columns.

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
            ConfigurationError: Tables of that name exist and lack columns.
        """
        try:
            with self._ready_engine().connect() as connection:
                missing = missing_columns(connection)
        except _FAILURES as error:
            raise explain(error) from None
        if missing:
            raise ConfigurationError(
                f"The staging database lacks the columns {', '.join(missing)}. "
                "Add them as docs/staging-tables.md describes them."
            )

    def close(self) -> None:
        """Close the connections to the database, unless another account uses them."""
        with self._lock:
            if not self._is_closed:
                close_engine(self._engine)
                self._is_closed = True

    def _url(self) -> str | URL:
        url = self.options.get("url")
        if url is None:
            self.home.mkdir(parents=True, exist_ok=True)
            return URL.create("sqlite", database=str(self.home / "erp.sqlite3"))
        if not isinstance(url, str):
            raise ConfigurationError("url must be a text")
        return url

    def _connections(self) -> int:
        connections = self.options.get("connections", CONNECTIONS)
        if type(connections) is not int or connections < 1:
            raise ConfigurationError(f"connections must be a whole number, such as {CONNECTIONS}")
        return connections

    def _cancellation(self) -> str:
        policy = self.options.get("cancellation", AGREE_UNTIL_TAKEN)
        if policy not in (AGREE_UNTIL_TAKEN, ASK):
            raise ConfigurationError(f"cancellation must be {AGREE_UNTIL_TAKEN} or {ASK}")
        return str(policy)

    def _ready_engine(self) -> Engine:
        """Give the engine, after its tables were seen or created once."""
        with self._lock:
            if not self._is_ready:
                create_tables(self._engine)
                self._is_ready = True
        return self._engine

    def _write(self, order: Order, receipt: Receipt) -> None:
        row = {
            **order_row(order),
            "account": self.account,
            "reference": receipt.reference,
            "state": NEW,
            "placed_at": self._clock(),
        }
        lines = [{**line, "account": self.account} for line in line_rows(order)]
        with self._ready_engine().begin() as connection:
            connection.execute(insert(ERP_ORDERS), row)
            if lines:
                connection.execute(insert(ERP_ORDER_LINES), lines)

    def _find_receipt(self, order_id: str) -> Receipt | None:
        look = select(ERP_ORDERS.c.reference).where(self._is(order_id))
        try:
            with self._engine.connect() as connection:
                reference = connection.execute(look).scalar_one_or_none()
        except _FAILURES as error:
            raise explain(error) from None
        return None if reference is None else Receipt(reference)

    def _is(self, order_id: str) -> ColumnElement[bool]:
        return and_(ERP_ORDERS.c.account == self.account, ERP_ORDERS.c.order_id == order_id)
