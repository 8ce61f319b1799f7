"""What was seen of a demo from outside: by the sandbox, in the ERP's tables, in the logs."""

from __future__ import annotations

from dataclasses import dataclass

#: The trouble of an order that has none.
PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order, as VTEX sold it or as the ERP has it."""

    line_id: str
    sku: str
    quantity: int
    total_cents: int


@dataclass(frozen=True, slots=True)
class VtexOrder:
    """What the sandbox says about one order at the end; times are seconds since the epoch.

    `trouble` is what is odd about it. `start_handling_effects` counts how often start handling took
    effect through the API, and `start_handling_at` has the times of it that are still known.
    """

    order_id: str
    trouble: str
    status: str | None
    is_completed: bool
    value_cents: int
    lines: tuple[Line, ...]
    ready_at: float | None
    handling_at: float | None
    start_handling_effects: int
    start_handling_at: tuple[float, ...]
    events_unacknowledged: int


@dataclass(frozen=True, slots=True)
class ErpOrder:
    """What the ERP's tables say about one order; `placed_at` is in seconds since the epoch."""

    order_id: str
    state: str
    value_cents: int
    lines: tuple[Line, ...]
    placed_at: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the promises are judged by.

    `leaks` names the files, under the home folder, in which personal data was found; `searched`
    says in how many it was looked for, and `people` for how many texts.
    """

    vtex_orders: tuple[VtexOrder, ...]
    erp_orders: tuple[ErpOrder, ...]
    feed_visible: int
    feed_in_flight: int
    leaks: tuple[str, ...]
    searched: int
    people: int
