"""The sandbox as the demo sees it: through its admin API, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from orders_sync.domain.status import IN_HANDLING, INVOICED
from orders_sync.embedded.records import Line, VtexOrder
from orders_sync.errors import OrdersSyncError

_TIMEOUT_SECONDS = (5, 60)


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """The sandbox's counts at one moment; `taken_over` counts orders in handling or past it."""

    calls: Mapping[str, int]
    orders: int
    taken_over: int
    feed_configured: bool
    feed_visible: int
    feed_in_flight: int
    feed_committed: int

    @property
    def feed_is_empty(self) -> bool:
        """Whether every event was acknowledged."""
        return self.feed_visible + self.feed_in_flight == 0


@dataclass(frozen=True, slots=True)
class SandboxView:
    """All that a sandbox can tell; `people` are texts that must never show up elsewhere."""

    orders: tuple[VtexOrder, ...]
    report: SandboxReport
    people: tuple[str, ...]


class SandboxFailed(OrdersSyncError):
    """Raised when the sandbox does not answer its own API."""


class SandboxApi:
    """Makes orders in a sandbox, and reads what it saw; all of it may raise `SandboxFailed`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def create_orders(self, trouble: str, count: int) -> None:
        """Let shoppers buy."""
        self._call("POST", "orders", {"count": count, "trouble": trouble})

    def report(self) -> SandboxReport:
        """Read the counts."""
        answer = self._call("GET", "report")
        by_status = answer["orders_by_status"]
        feed = answer["feed"]
        return SandboxReport(
            calls=answer["calls_by_name"],
            orders=answer["orders"],
            taken_over=sum(by_status.get(status, 0) for status in (*IN_HANDLING, INVOICED)),
            feed_configured=feed["configured"],
            feed_visible=feed["visible"],
            feed_in_flight=feed["in_flight"],
            feed_committed=feed["committed"],
        )

    def orders(self) -> tuple[VtexOrder, ...]:
        """Read every order, with what was done to it."""
        return tuple(_order(order) for order in self._call("GET", "orders")["orders"])

    def everything(self) -> SandboxView:
        """Read all there is, for the judgement."""
        people = self._call("GET", "people")["people"]
        return SandboxView(self.orders(), self.report(), tuple(people))

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _call(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self.base_url}/_sandbox/{name}"
        try:
            response = self._session.request(method, url, json=body, timeout=_TIMEOUT_SECONDS)
            response.raise_for_status()
        except requests.RequestException as error:
            problem = type(error).__name__
            raise SandboxFailed(f"The sandbox at {url} does not answer ({problem}).") from error
        return response.json()


def _order(order: Mapping[str, Any]) -> VtexOrder:
    return VtexOrder(
        order_id=order["order_id"],
        trouble=order["trouble"],
        status=order["status"],
        is_completed=order["is_completed"],
        value_cents=order["value"],
        lines=tuple(
            Line(line["line_id"], line["sku"], line["quantity"], line["total"])
            for line in order["lines"]
        ),
        ready_at=order["ready_at"],
        handling_at=order["handling_at"],
        start_handling_effects=order["start_handling_effects"],
        start_handling_at=tuple(
            call["at"]
            for call in order["calls"]
            if call["call"] == "start_handling" and call["effect"]
        ),
        events_unacknowledged=order["events_unacknowledged"],
    )
