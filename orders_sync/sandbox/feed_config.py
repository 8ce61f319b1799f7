"""The configuration of a feed: how its queue behaves, and which events it, or a hook, takes.

https://developers.vtex.com/docs/api-reference/orders-api#post-/api/orders/feed/config
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from orders_sync.sandbox.envelopes import plain, problem
from orders_sync.sandbox.wire import Response

_RETENTION: Final = range(345_600, 1_209_601)
_VISIBILITY: Final = range(43_201)
_STATUS_IN_EXPRESSION: Final = re.compile(r"""\bstatus\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events pass; `statuses` is None where every status does, `asked` as it was said."""

    asked: dict[str, Any]
    statuses: frozenset[str] | None
    single_fire: bool

    def takes(self, state: str | None) -> bool:
        """Say whether an event with this state passes the filter."""
        return self.statuses is None or state in self.statuses


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """One app key's configuration."""

    filter: Filter
    visibility_seconds: int
    retention_seconds: int

    def to_dict(self) -> dict[str, Any]:
        """Write it as GET config does."""
        return {
            "filter": self.filter.asked,
            "queue": {
                "visibilityTimeoutInSeconds": self.visibility_seconds,
                "messageRetentionPeriodInSeconds": self.retention_seconds,
            },
        }


def parse_config(data: Any) -> FeedConfig | Response:
    """Read the body of POST config, or refuse it as VTEX does."""
    if not isinstance(data, dict):
        return problem(400, "Bad Request")
    queue = _parse_queue(data.get("queue"))
    if queue is None:
        return problem(400, "Bad Request")
    found = parse_filter(data.get("filter") or {"type": "FromWorkflow"})
    return FeedConfig(found, *queue) if isinstance(found, Filter) else found


def parse_filter(asked: Any) -> Filter | Response:
    """Read which events shall pass, or refuse it as VTEX does.

    Statuses are not validated, as VTEX does not. Of a JSONata expression only the comparisons
    `status = "..."` are understood; an expression without one takes every change.
    """
    if not isinstance(asked, dict):
        return problem(400, "Bad Request")
    kind = asked.get("type")
    if kind not in {"FromWorkflow", "FromOrders"}:
        return problem(400, "Bad Request")
    from_orders = kind == "FromOrders"
    foreign = {"status"} if from_orders else {"expression", "disableSingleFire"}
    if any(asked.get(name) for name in foreign):
        return plain(409, f"A filter of type {kind} cannot have: {', '.join(sorted(foreign))}")
    statuses = (
        _STATUS_IN_EXPRESSION.findall(str(asked.get("expression")))
        if from_orders
        else asked.get("status")
    )
    return Filter(
        asked=asked,
        statuses=frozenset(statuses) if statuses else None,
        single_fire=from_orders and not asked.get("disableSingleFire"),
    )


def _parse_queue(queue: Any) -> tuple[int, int] | None:
    if not isinstance(queue, dict):
        return None
    names = {name.lower(): value for name, value in queue.items()}
    visibility = names.get("visibilitytimeoutinseconds")
    retention = names.get("messageretentionperiodinseconds")
    if not (isinstance(visibility, int) and isinstance(retention, int)):
        return None
    return (
        (visibility, retention) if visibility in _VISIBILITY and retention in _RETENTION else None
    )
