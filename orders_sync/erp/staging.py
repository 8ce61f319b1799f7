"""An ERP that is two tables in a SQL database, which the real ERP reads and marks.

The tables are described in `docs/staging-tables.md`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import URL, and_, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from orders_sync.erp.base import CancelAnswer, ErpBase, Receipt
from orders_sync.erp.staging_database import (
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

NEW = "new"
CANCELLED = "cancelled"

#: A driver raises the latter two for a number or a text that its database has no form for.
_FAILURES = (SQLAlchemyError, OverflowError, UnicodeError)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StagingErp(ErpBase):
    """Writes each order once into `erp_orders` and `erp_order_lines`.

    Its option `url` is a SQLAlchemy database URL; without one, the tables are in the SQLite file
    `erp.sqlite3` in `home`. They are created on first use.
    """

    known_options: ClassVar[frozenset[str]] = frozenset({"url"})

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
        self._engine = open_engine(self._url())
        self._lock = Lock()
        self._is_ready = False

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

        Raises:
            ErpUnavailable: The database cannot be reached or is locked.
        """
        cancel = (
            update(ERP_ORDERS)
            .where(self._is(order_id), ERP_ORDERS.c.state == NEW, ERP_ORDERS.c.taken_at.is_(None))
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
        """Close the connections to the database."""
        self._engine.dispose()

    def _url(self) -> str | URL:
        url = self.options.get("url")
        if url is None:
            self.home.mkdir(parents=True, exist_ok=True)
            return URL.create("sqlite", database=str(self.home / "erp.sqlite3"))
        if not isinstance(url, str):
            raise ConfigurationError("url must be a text")
        return url

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
