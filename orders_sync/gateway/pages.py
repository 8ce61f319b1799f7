"""Lists in pages: the latest changed first, each page with the cursor of the next."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Query
from pydantic import BaseModel

from orders_sync.gateway.problems import ProblemError
from orders_sync.ledger.searches import PageEnd

T = TypeVar("T", bound=BaseModel)


Cursor = Annotated[str | None, Query(description="The next_cursor of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]


def read_cursor(cursor: str | None) -> PageEnd | None:
    """Return what a page begins after; None: at the latest.

    Raises:
        ProblemError: the cursor is no page's.
    """
    if cursor is None:
        return None
    try:
        return PageEnd.from_text(base64.urlsafe_b64decode(cursor).decode())
    except ValueError:
        raise ProblemError(
            422, "request.invalid", "cursor: give the next_cursor of a page"
        ) from None


class Page(BaseModel, Generic[T]):
    """Some of a list; `next_cursor` is that of the rest, None at the end.

    What changes meanwhile comes first again.
    """

    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], told: type[T], limit: int, name: str) -> Self:
        """Make a page of rows, whose order is by `updated_at` and then by the column `name`."""
        items = [told.model_validate(row) for row in rows]
        if len(rows) < limit:
            return cls(items=items, next_cursor=None)
        last = rows[-1]
        end = PageEnd(last["updated_at"], last[name]).to_text()
        return cls(items=items, next_cursor=base64.urlsafe_b64encode(end.encode()).decode())
