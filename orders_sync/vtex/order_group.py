"""The orders that one purchase was split into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from orders_sync.vtex.documents import require, summarise
from orders_sync.vtex.schemas import Cents, Text, WireModel


@dataclass(frozen=True, slots=True)
class GroupedOrder:
    """One order of a purchase; `origin` is VTEX's `Marketplace`, `Fulfillment` or `Chain`."""

    order_id: str
    status: str | None
    is_completed: bool
    origin: str | None
    seller_order_id: str | None
    value_cents: int


class _Order(WireModel):
    order_id: str = Field(min_length=1)
    origin: Text = None
    seller_order_id: Text = None
    value: Cents


def grouped_order(data: Any) -> GroupedOrder:
    """Read one order of a group.

    Raises:
        Unreadable: it is none.
    """
    found = require(_Order, data, "An order of the group")
    where = summarise(data)
    return GroupedOrder(
        order_id=found.order_id,
        status=where.status,
        is_completed=where.is_completed,
        origin=found.origin,
        seller_order_id=found.seller_order_id,
        value_cents=found.value,
    )
