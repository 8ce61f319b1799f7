"""Lists in pages: the latest changed first, each page with the cursor of the next."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Query
from pydantic import BaseModel

from orders_sync.gateway.problems import ProblemError
from orders_sync.ledger.searches import Place

T = TypeVar("T", bound=BaseModel)


Cursor = Annotated[str | None, Query(description="The next_cursor of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]


def place_of(cursor: str | None) -> Place | None:
    """Return where a page begins; None: at the latest.

    Raises:
        ProblemError: the cursor is no page's.
    """
    if cursor is None:
        return None
    try:
        moment, _, name = base64.urlsafe_b64decode(cursor).decode().partition("|")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is not None and "\0" not in name:
            return Place(at.astimezone(UTC), name)
    except (ValueError, OverflowError):
        pass
    raise ProblemError(422, "request.invalid", "cursor: give the next_cursor of a page")


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
        place = f"{last['updated_at'].isoformat()}|{last[name]}"
        return cls(items=items, next_cursor=base64.urlsafe_b64encode(place.encode()).decode())
