"""VTEX's orders: one, as it is now, and the list: a search index that is some minutes behind.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from orders_sync.vtex.documents import ParsedDocument, is_whole_text, require
from orders_sync.vtex.endpoints import EndpointGroup, segment
from orders_sync.vtex.responses import read_json
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
        """Return the span as a filter on a field, such as `creationDate`."""
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
        """Return the filter as VTEX's query."""
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
    """Return VTEX's sums, which its index keeps as floats, as whole numbers."""
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


#: The most that VTEX shows of one query.
MAX_PAGE: Final = 30
MAX_PER_PAGE: Final = 100

_OLDEST_FIRST: Final = "creationDate,asc"
_EVERYTHING: Final = OrderFilter()

#: A slice is cut for this many rows, so that an uneven one still fits on one page.
_ROWS_A_SLICE: Final = 70


class ReadEndpoints(EndpointGroup):
    """The orders of the account; a marketplace's id of the same order is not known here."""

    def get_order(self, order_id: str) -> bytes:
        """Read an order's document, byte for byte as VTEX sent it.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders/-orderId-

        Raises:
            NotFound: the account has no such order.
            Unreadable: the answer is not the document of this order.
        """
        operation = f"get_order {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}"
        request, response = self._call(operation, "GET", path)
        document = read_json(request, response)
        if not isinstance(document, dict):
            raise Unreadable(f"{operation}: the answer must be a JSON object and is none.")
        if document.get("orderId") != order_id:
            raise Unreadable(f"{operation}: the answer's orderId is not the one asked for.")
        return ParsedDocument.of(response.body, document)

    def list_orders(
        self,
        where: OrderFilter = _EVERYTHING,
        *,
        page: int = 1,
        per_page: int = MAX_PER_PAGE,
        order_by: str = _OLDEST_FIRST,
    ) -> OrderPage:
        """Read one page (ListOrders), of up to 100 rows; VTEX has no page after the thirtieth.

        `order_by` is a field and `asc` or `desc`; the fields are `creationDate`, `orderId`,
        `items`, `totalValue` and `origin`.

        https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders

        Raises:
            Unreadable: the answer is no page of orders.
        """
        if not 1 <= page <= MAX_PAGE:
            raise ValueError(f"page must be 1 to {MAX_PAGE}, not {page}; slice by date instead.")
        if not 1 <= per_page <= MAX_PER_PAGE:
            raise ValueError(f"per_page must be 1 to {MAX_PER_PAGE}, not {per_page}.")
        query = {"orderBy": order_by, "page": str(page), "per_page": str(per_page)}
        answer = self._call(
            "list_orders", "GET", "/api/oms/pvt/orders", query={**query, **where.to_wire()}
        )
        return order_page(read_json(*answer), per_page)

    def iterate_orders(
        self, start: datetime, end: datetime, where: OrderFilter = _EVERYTHING
    ) -> Iterator[OrderRow]:
        """Read the rows of all orders created from `start` to `end`, slice by slice in time.

        The span is sliced until each slice fits on one page, so every row comes from one answer:
        orders that change while this runs neither shift a row past it nor show it twice. Let
        `end` lie some minutes back, since the index is behind. `where.created` is not used.

        Raises:
            Unreadable: VTEX shows not all orders of one millisecond, or no page at all.
        """
        before: set[str] = set()
        for rows in self._slices(TimeSpan(start, end), where):
            # Neighbours share an instant, so that no order falls between two milliseconds.
            yield from (row for row in rows if row.order_id not in before)
            before = {row.order_id for row in rows}

    def _slices(self, whole: TimeSpan, where: OrderFilter) -> Iterator[Sequence[OrderRow]]:
        """Read the slices of a span, the oldest first."""
        spans = [whole] if whole.start <= whole.end else []
        while spans:
            span = spans.pop()
            narrowed = replace(where, created=span)
            page = self.list_orders(narrowed)
            if page.paging.total <= MAX_PER_PAGE:
                yield page.rows
                continue
            parts = span.split(math.ceil(page.paging.total / _ROWS_A_SLICE))
            if len(parts) > 1:
                spans.extend(reversed(parts))
            else:
                yield self._all_pages(narrowed, page)

    def _all_pages(self, where: OrderFilter, first: OrderPage) -> Sequence[OrderRow]:
        """Page through a single millisecond."""
        if first.paging.total > MAX_PAGE * MAX_PER_PAGE:
            raise Unreadable(
                f"list_orders: VTEX counts {first.paging.total} orders in one millisecond and "
                f"shows {MAX_PAGE * MAX_PER_PAGE} of a query. Narrow the filter."
            )
        rows = {row.order_id: row for row in first.rows}
        for page in range(2, math.ceil(first.paging.total / MAX_PER_PAGE) + 1):
            rows |= {row.order_id: row for row in self.list_orders(where, page=page).rows}
        return list(rows.values())
