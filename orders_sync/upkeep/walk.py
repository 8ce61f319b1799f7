"""A walk through VTEX's list of orders, by the time of their creation, a page at a time.

It can be stopped after any slice and goes on from there: what it needs for that is one instant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from orders_sync.vtex.listing import MAX_PER_PAGE
from orders_sync.vtex.order_rows import OrderFilter, OrderPage, OrderRow, TimeSpan

#: VTEX's index is so far behind, or a little more.
LAG: Final = timedelta(minutes=5)

#: A span is cut for this many rows a slice, so that an uneven one still fits on one page.
_ROWS_A_SLICE: Final = 70


class OrderList(Protocol):
    """What of the VTEX client a walk needs."""

    def list_orders(
        self, where: OrderFilter = ..., *, page: int = ..., per_page: int = ...
    ) -> OrderPage:
        """Read one page of the list."""
        ...

    def iterate_orders(
        self, start: datetime, end: datetime, where: OrderFilter = ...
    ) -> Iterator[OrderRow]:
        """Read all rows of a span."""
        ...


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows, all that were created up to `end` and after the slice before."""

    rows: Sequence[OrderRow]
    end: datetime
    is_last: bool


def walk(
    vtex: OrderList, start: datetime, end: datetime, where: OrderFilter
) -> Iterator[Slice | None]:
    """Read the rows of orders created from `start` to `end`, the oldest slice first.

    Each step is one call to VTEX, but for a millisecond with more orders than a page has. A step
    that only found out that its span was too wide gives None. Neighbouring slices share an
    instant, so a row may come twice.
    """
    whole, width = TimeSpan(start, end), end - start
    start = whole.start
    while start <= whole.end:
        span = TimeSpan(start, min(start + width, whole.end))
        page = vtex.list_orders(replace(where, created=span))
        parts = span.split(math.ceil(page.paging.total / _ROWS_A_SLICE))
        rows: Sequence[OrderRow] = page.rows
        if page.paging.total > MAX_PER_PAGE:
            if len(parts) > 1:
                width = parts[0].end - parts[0].start
                yield None
                continue
            rows = list(vtex.iterate_orders(span.start, span.end, where))
        yield Slice(rows, span.end, is_last=span.end >= whole.end)
        if span.end >= whole.end:
            break
        start = span.end
        width = _next_width(span, page.paging.total)


def _next_width(span: TimeSpan, total: int) -> timedelta:
    """Widen where orders are few, so that a quiet time takes few calls."""
    width = span.end - span.start
    return width * min(max(_ROWS_A_SLICE // max(total, 1), 1), 16)


def instant(text: str) -> datetime:
    """Read an instant as a cursor keeps it."""
    return datetime.fromisoformat(text).astimezone(UTC)
