"""VTEX's list of orders: what is asked of it, and the rows of its pages. Pure.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, Final

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from orders_sync.errors import Unreadable
from orders_sync.vtex.documents import require
from orders_sync.vtex.parsing import is_whole_text
from orders_sync.vtex.schemas import Moment, Number, NumberOrZero, Text, WireModel

#: The finest step in which VTEX's list tells instants apart.
TICK: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From `start` to `end`, both aware and both counted in, widened to whole milliseconds."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("A time span's start and end must have an offset from UTC.")
        object.__setattr__(self, "start", _floor(self.start))
        object.__setattr__(self, "end", _floor(self.end + TICK - timedelta.resolution))

    def split(self, parts: int) -> list[TimeSpan]:
        """Cut into at most so many parts; each starts with the instant that ends the one before."""
        ticks = max((self.end - self.start) // TICK, 0)
        parts = max(min(parts, ticks), 1)
        bounds = [self.start + ticks * i // parts * TICK for i in range(parts)] + [self.end]
        return [TimeSpan(start, end) for start, end in pairwise(bounds)]

    def to_wire(self, field: str) -> str:
        """Word the span as a filter on a field, such as `creationDate`."""
        return f"{field}:[{_text(self.start)} TO {_text(self.end)}]"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders the list shows; what is left empty filters nothing.

    VTEX's index takes the statuses `waiting-for-sellers-confirmation`, `payment-pending`,
    `payment-approved`, `ready-for-handling`, `handling`, `invoiced` and `canceled`. `search` is
    a full-text query. `incomplete` asks for the incomplete orders, or for all others.
    """

    statuses: Sequence[str] = ()
    created: TimeSpan | None = None
    authorized: TimeSpan | None = None
    invoiced: TimeSpan | None = None
    sales_channel: str | None = None
    search: str | None = None
    incomplete: bool | None = None

    def to_wire(self) -> dict[str, str]:
        """Word the filter as VTEX's query."""
        query = {
            "f_status": ",".join(self.statuses),
            "f_creationDate": self.created.to_wire("creationDate") if self.created else "",
            "f_authorizedDate": self.authorized.to_wire("authorizedDate")
            if self.authorized
            else "",
            "f_invoicedDate": self.invoiced.to_wire("invoicedDate") if self.invoiced else "",
            "salesChannelId": self.sales_channel or "",
            "q": self.search or "",
            "incompleteOrders": "" if self.incomplete is None else str(self.incomplete).lower(),
        }
        return {name: text for name, text in query.items() if text}


def _whole(value: Any) -> Any:
    """Take VTEX's sums, which its index keeps as floats."""
    return round(value) if isinstance(value, float) and isfinite(value) else value


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Read a field, or leave it out: an odd row must not hide the rows beside it."""
    try:
        return handler(value)
    except ValidationError:
        return None


def _orders(value: Any) -> Any:
    """Leave out what has no order id, since nobody could ask for it."""
    if not isinstance(value, list):
        return [] if value is None else value
    return [row for row in value if isinstance(row, Mapping) and is_whole_text(row.get("orderId"))]


_Lenient = WrapValidator(_or_none)
_Text = Annotated[Text, _Lenient]
_Flag = Annotated[bool | None, _Lenient]
_Count = Annotated[Number | None, _Lenient, BeforeValidator(_whole)]


class OrderRow(WireModel):
    """An order as the list shows it, which may be minutes old and wrong for good.

    What cannot be read is None. `total_value` is cents, rounded by the index: take money from the
    order itself. The shopper's name is not read.
    """

    order_id: str
    status: _Text = None
    creation_date: Moment = None
    authorized_date: Moment = None
    total_value: _Count = None
    total_items: _Count = None
    currency_code: _Text = None
    sequence: _Text = None
    sales_channel: _Text = None
    affiliate_id: _Text = None
    origin: _Text = None
    market_place_order_id: _Text = None
    payment_names: _Text = None
    order_is_complete: _Flag = None
    workflow_in_error_state: _Flag = None
    workflow_in_retry: _Flag = None


class Paging(WireModel):
    """Where a page stands among all rows that match."""

    total: Number
    pages: NumberOrZero = 0
    current_page: NumberOrZero = 0
    per_page: NumberOrZero = 0


class OrderPage(WireModel):
    """One page of the list, without the rows that name no order."""

    rows: Annotated[list[OrderRow], BeforeValidator(_orders)] = Field(
        default_factory=list, alias="list"
    )
    paging: Paging


def order_page(data: Any, per_page: int) -> OrderPage:
    """Return a page of at most `per_page` rows.

    Raises:
        Unreadable: the answer is none.
    """
    rows = data.get("list") if isinstance(data, Mapping) else None
    if isinstance(rows, list) and len(rows) > per_page:
        raise Unreadable(
            f"list_orders: VTEX was asked for {per_page} rows at most and answered {len(rows)}; "
            "none was read. If it goes on, ask VTEX's support about the account's list of orders."
        )
    return require(OrderPage, data, "The list of orders")


def _floor(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
