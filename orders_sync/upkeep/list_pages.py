"""Reads VTEX's list of orders by the time of their creation, a page at a time.

Reading can stop after any slice and go on from there: a `ListPosition` is all that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from orders_sync.vtex.orders import MAX_PER_PAGE, TICK, OrderFilter, OrderPage, OrderRow, TimeSpan

#: VTEX's index is so far behind, or a little more.
LAG: Final = timedelta(minutes=5)

#: A span is cut for this many rows a slice, so that an uneven one still fits on one page.
_ROWS_A_SLICE: Final = 70

#: A slice is at most so many times as wide as the one before.
_WIDEN: Final = 8


class OrderList(Protocol):
    """The part of the VTEX client that lists orders."""

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
class ListPosition:
    """The instant that is read next, and how wide a slice is tried there."""

    at: datetime
    width: timedelta | None = None

    def to_text(self) -> str:
        """Return the text that a cursor keeps."""
        width = "" if self.width is None else self.width.total_seconds()
        return f"{self.at.isoformat()} {width}".strip()

    @classmethod
    def from_text(cls, text: str) -> ListPosition:
        """Read the text that a cursor keeps."""
        at, _, width = text.partition(" ")
        return cls(read_instant(at), timedelta(seconds=float(width)) if width else None)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows: all that were created since the slice before and until `next_position`.

    There are none where the slice that was tried held too many; the next one is narrower.
    """

    rows: Sequence[OrderRow]
    next_position: ListPosition
    is_last: bool = False


def list_slices(
    vtex: OrderList, position: ListPosition, end: datetime, where: OrderFilter
) -> Iterator[Slice]:
    """Yield the rows of orders created from a position to `end`, the oldest slice first.

    Each slice is one call to VTEX, but for a millisecond with more orders than a page has.
    Neighbouring slices share an instant, so a row may come twice.
    """
    end = TimeSpan(end, end).end
    while position.at <= end:
        width = position.width or end - position.at
        span = TimeSpan(position.at, min(position.at + width, end))
        page = vtex.list_orders(replace(where, created=span))
        total = page.paging.total
        rows: Sequence[OrderRow] = page.rows
        if total > MAX_PER_PAGE:
            first, *others = span.split(math.ceil(total / _ROWS_A_SLICE))
            if others:
                position = ListPosition(span.start, first.end - first.start)
                yield Slice((), position)
                continue
            rows = list(vtex.iterate_orders(span.start, span.end, where))
        position = ListPosition(span.end, _next_width(span, total))
        yield Slice(rows, position, is_last=span.end >= end)
        if span.end >= end:
            return


def _next_width(span: TimeSpan, total: int) -> timedelta:
    """Return a greater width where orders are few, so that a quiet time takes few calls."""
    width = max(span.end - span.start, TICK)
    return width * min(max(_ROWS_A_SLICE // max(total, 1), 1), _WIDEN)


def read_instant(text: str) -> datetime:
    """Read an instant as a cursor keeps it."""
    return datetime.fromisoformat(text).astimezone(UTC)
