"""VTEX's orders: one, as it is now, and the list: a search index that is some minutes behind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from orders_sync.errors import Unreadable
from orders_sync.vtex.documents import ParsedDocument
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.order_rows import OrderFilter, OrderPage, OrderRow, TimeSpan, order_page
from orders_sync.vtex.responses import read_json

#: The most that VTEX shows of one query.
MAX_PAGE: Final = 30
MAX_PER_PAGE: Final = 100

_OLDEST_FIRST: Final = "creationDate,asc"
_EVERYTHING: Final = OrderFilter()

#: A slice is cut for this many rows, so that an uneven one still fits on one page.
_ROWS_A_SLICE: Final = 70


class ReadEndpoints(Endpoints):
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
