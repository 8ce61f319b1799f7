"""The sandbox as the demo sees it: through its admin API, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from orders_sync.demo.records import (
    HookPosts,
    ParcelEvent,
    SeenCall,
    SoldLine,
    VtexChange,
    VtexOrder,
    VtexPackage,
)
from orders_sync.domain.rules import CANCELLATION_REQUESTED, CANCELLED, IN_HANDLING, INVOICED
from orders_sync.errors import OrdersSyncError
from orders_sync.vtex.hook import HEADER

_TIMEOUT_SECONDS = (5, 60)

#: In a demo only the store itself asks for cancellations, of orders that it has.
_TAKEN_OVER = (*IN_HANDLING, INVOICED, CANCELLATION_REQUESTED)
_CANCELLED = (*CANCELLED, "cancel")
_TRACKING = ("update_invoice", "update_tracking")


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """The sandbox's counts at one moment.

    `taken_over` counts orders in handling or past it, and `cancelled` those that were cancelled or
    replaced, before or after that. `over_budget` counts the calls beyond the account's budget.
    """

    calls: Mapping[str, int]
    orders: int
    taken_over: int
    cancelled: int
    feed_configured: bool
    feed_visible: int
    feed_in_flight: int
    feed_committed: int
    over_budget: int = 0
    hook: HookPosts = field(default_factory=HookPosts)

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

    def create_orders(self, trouble: str, count: int) -> list[str]:
        """Create orders as shoppers do; return their ids."""
        made = self._call("POST", "orders", {"count": count, "trouble": trouble})
        order_ids: list[str] = made["order_ids"]
        return order_ids

    def cancel(self, order_id: str) -> None:
        """Cancel an order as VTEX does, without asking the seller."""
        self._call("POST", f"orders/{quote(order_id, safe='')}/cancel")

    def edit(self, order_id: str, part: str) -> bool:
        """Change a part of an order as a person does; False where it is too late, or has none."""
        url = f"{self.base_url}/_sandbox/orders/{quote(order_id, safe='')}/edit"
        try:
            answer = self._session.post(url, json={"part": part}, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise _failed(url, error) from error
        return bool(answer.status_code == requests.codes.ok)

    def dials(self) -> Mapping[str, Any]:
        """Read how VTEX behaves now."""
        dials: Mapping[str, Any] = self._call("GET", "dials")
        return dials

    def turn_dials(self, dials: Mapping[str, Any]) -> None:
        """Change how VTEX behaves; see `orders_sync.sandbox.dials`."""
        self._call("PUT", "dials", dials)

    def configure_hook(self, url: str, *, secret: str, app_key: str) -> None:
        """Configure a hook at VTEX, as `orders-sync hook configure` does."""
        self.turn_dials({"hook_loopback": True, "hook_pause_seconds": 0.5})
        statuses = ["ready-for-handling", "handling", "cancellation-requested", "canceled"]
        body = {
            "filter": {"type": "FromWorkflow", "status": statuses},
            "hook": {"url": url, "headers": {HEADER: secret}},
        }
        keys = {"X-VTEX-API-AppKey": app_key, "X-VTEX-API-AppToken": "token"}
        where = f"{self.base_url}/api/orders/hook/config"
        try:
            answer = self._session.post(where, json=body, headers=keys, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
        except requests.RequestException as error:
            problem = type(error).__name__
            raise SandboxFailed(f"The sandbox takes no hook at {url} ({problem}).") from error

    def delete_feeds(self) -> None:
        """Delete the feed's configuration with all its events."""
        self._call("DELETE", "feeds")

    def report(self) -> SandboxReport:
        """Read the counts."""
        answer = self._call("GET", "report")
        by_status = answer["orders_by_status"]
        feed, hook = answer["feed"], answer["hook"]
        return SandboxReport(
            calls=answer["calls_by_name"],
            orders=answer["orders"],
            taken_over=sum(by_status.get(status, 0) for status in _TAKEN_OVER),
            cancelled=sum(by_status.get(status, 0) for status in _CANCELLED),
            feed_configured=feed["configured"],
            feed_visible=feed["visible"],
            feed_in_flight=feed["in_flight"],
            feed_committed=feed["committed"],
            over_budget=answer["over_budget"],
            hook=HookPosts(taken=hook["taken"], refused=hook["refused"], dropped=hook["dropped"]),
        )

    def orders(self) -> tuple[VtexOrder, ...]:
        """Read every order, with what was done to it."""
        return tuple(_order(order) for order in self._call("GET", "orders")["orders"])

    def order(self, order_id: str) -> VtexOrder:
        """Read one order, with what was done to it."""
        return _order(self._call("GET", f"orders/{quote(order_id, safe='')}"))

    def everything(self) -> SandboxView:
        """Read all there is, for the judgement."""
        people = self._call("GET", "people")["people"]
        return SandboxView(self.orders(), self.report(), tuple(people))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _call(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self.base_url}/_sandbox/{name}"
        try:
            response = self._session.request(method, url, json=body, timeout=_TIMEOUT_SECONDS)
            response.raise_for_status()
        except requests.RequestException as error:
            raise _failed(url, error) from error
        return response.json()


def _failed(url: str, error: Exception) -> SandboxFailed:
    return SandboxFailed(f"The sandbox at {url} does not answer ({type(error).__name__}).")


def _order(order: Mapping[str, Any]) -> VtexOrder:
    return VtexOrder(
        order_id=order["order_id"],
        trouble=order["trouble"],
        status=order["status"],
        is_completed=order["is_completed"],
        value_cents=order["value"],
        lines=tuple(
            SoldLine(
                line["line_id"],
                line["sku"],
                line["quantity"],
                line["total"],
                line["tax"],
                line["services"],
            )
            for line in order["lines"]
        ),
        ready_at=order["ready_at"],
        handling_at=order["handling_at"],
        start_handling_effects=order["start_handling_effects"],
        start_handling_at=_effects(order, "start_handling"),
        events_unacknowledged=order["events_unacknowledged"],
        packages=tuple(map(_package, order["packages"])),
        changes=tuple(
            VtexChange(change["reason"], change["status"] == "done", change["value"])
            for change in order["changes"]
        ),
        cancel_requests=len(order["cancellations"]),
        notes=tuple(message for _, message in order["interactions"]),
        invoiced_at=min(_effects(order, "invoice"), default=None),
        tracked_at=min(_effects(order, *_TRACKING), default=None),
        doubled=tuple(order["doubled"]),
        calls=tuple(
            SeenCall(call["at"], call["call"], call["effect"], call["about"])
            for call in order["calls"]
        ),
        freight_cents=order["freight"],
        other_cents=order["other"],
        edits=tuple(order["edits"]),
    )


def _package(package: Mapping[str, Any]) -> VtexPackage:
    return VtexPackage(
        number=package["number"],
        is_return=package["type"] == "Input",
        value_cents=package["value"],
        refund_cents=package["refund"],
        tracking_number=package["tracking_number"],
        events=tuple(ParcelEvent(**event) for event in package["events"]),
        is_delivered=package["finished"],
    )


def _effects(order: Mapping[str, Any], *names: str) -> tuple[float, ...]:
    """Return the times at which calls of these names took effect."""
    return tuple(call["at"] for call in order["calls"] if call["call"] in names and call["effect"])
