from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests

from orders_sync.sandbox import Box, SandboxAdapter
from orders_sync.testing.clock import SettableClock

OpenShop = Callable[[Box], requests.Session]
Call = Callable[..., requests.Response]


@pytest.fixture
def box(clock: SettableClock) -> Box:
    return Box(seed=1, clock=clock.epoch)


@pytest.fixture
def open_shop() -> OpenShop:
    """Open a session that enters a box, with an app key and token."""

    def open_one(box: Box) -> requests.Session:
        session = requests.Session()
        session.mount("http://", SandboxAdapter(box))
        session.headers.update({"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"})
        return session

    return open_one


@pytest.fixture
def shop(box: Box, open_shop: OpenShop) -> requests.Session:
    return open_shop(box)


@pytest.fixture
def fed(shop: requests.Session) -> requests.Session:
    """A session whose app key has a feed of two statuses, hidden for 30 s once read."""
    config = {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling", "canceled"]},
        "queue": {"visibilityTimeoutInSeconds": 30, "MessageRetentionPeriodInSeconds": 345_600},
    }
    shop.post("http://vtex/api/orders/feed/config", json=config)
    return shop


@pytest.fixture
def order_id(box: Box) -> str:
    """An order in handling, with two lines or more, each of another SKU."""
    for order_id in box.create_orders(30, handling=True):
        skus = [line.sku for line in box.order(order_id).lines]
        if len(skus) == len(set(skus)) > 1:
            return order_id
    pytest.fail("No order has two lines.")


@pytest.fixture
def call(shop: requests.Session) -> Call:
    """Call the OMS about an order: `call("POST", order_id, "/cancel", body)`."""

    def send(method: str, order_id: str, tail: str = "", body: Any = None) -> requests.Response:
        url = f"http://vtex/api/oms/pvt/orders/{quote(order_id, safe='')}{tail}"
        return shop.request(method, url, json=body)

    return send


@pytest.fixture
def sale(box: Box) -> Callable[..., dict[str, Any]]:
    """Write an invoice of an order: of all that is not invoiced yet, or of `value` cents."""

    def write(order_id: str, number: str = "NF1", **changes: Any) -> dict[str, Any]:
        view = box.order(order_id)
        return {
            "type": "Output",
            "invoiceNumber": number,
            "issuanceDate": "2026-11-27T12:00:00-03:00",
            "invoiceValue": str(view.value - view.invoices_total),
            "items": [
                {"id": line.sku, "price": line.total // line.quantity, "quantity": line.quantity}
                for line in view.lines
            ],
            **changes,
        }

    return write


@pytest.fixture
def change(shop: requests.Session) -> Call:
    """Call order modifications: `change("GET", order_id, "/preview", body)`."""

    def send(method: str, order_id: str, tail: str = "", body: Any = None) -> requests.Response:
        name = "accountName" if method == "PATCH" else "an"
        path = f"/api/order-system/orders/{quote(order_id, safe='')}/changes{tail}"
        return shop.request(method, f"http://vtex{path}", params={name: "mystore"}, json=body)

    return send
