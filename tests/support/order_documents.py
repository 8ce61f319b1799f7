"""Order documents whose sums are right, as small as an amount can be tried on."""

from __future__ import annotations

import json
from typing import Any

from pydantic import SecretStr

from orders_sync.domain.order import Order
from orders_sync.sandbox import Box, SandboxAdapter
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.translate import order
from orders_sync.vtex.transport import RequestsTransport


def item(sku: str, quantity: int, price: int, **changes: Any) -> dict[str, Any]:
    """Write a line whose pieces cost `price` cents; `changes` replaces members."""
    selling = changes.get("sellingPrice", price)
    line = {
        "uniqueId": f"U{sku}",
        "id": sku,
        "sellerSku": sku,
        "refId": f"R{sku}",
        "name": f"Item {sku}",
        "quantity": quantity,
        "price": price,
        "listPrice": price,
        "sellingPrice": selling,
        "tax": 0,
        "priceTags": [],
        "unitMultiplier": 1.0,
        "priceDefinition": {"total": (selling or 0) * quantity},
    }
    return {**line, **changes}


def document(
    *items: dict[str, Any], value: object = None, totals: dict[str, int] | None = None, **rest: Any
) -> dict[str, Any]:
    """Write an order; its value is the sum of its totals where none is given."""
    sums = totals or {}
    return {
        "orderId": "1-01",
        "status": "ready-for-handling",
        "origin": "Marketplace",
        "value": sum(sums.values()) if value is None else value,
        "totals": [{"id": name, "name": name, "value": cents} for name, cents in sums.items()],
        "items": list(items),
        **rest,
    }


def change(
    added: tuple[dict[str, Any], ...] = (),
    removed: tuple[dict[str, Any], ...] = (),
    **rest: Any,
) -> dict[str, Any]:
    """Write a change of `changesAttachment`."""
    return {"reason": "x", "itemsAdded": list(added), "itemsRemoved": list(removed), **rest}


def swap(sku: str, quantity: int, price: int | None, **rest: Any) -> dict[str, Any]:
    """Write an item of a change."""
    return {"id": sku, "name": f"Item {sku}", "quantity": quantity, "price": price, **rest}


def changed(*changes: dict[str, Any]) -> dict[str, Any]:
    """Write `changesAttachment`."""
    return {"changesAttachment": {"id": "changeAttachment", "changesData": list(changes)}}


def encoded(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()


def read(data: dict[str, Any]) -> Order:
    return order("mystore", encoded(data))


def client_in(box: Box) -> VtexClient:
    """Return a client of the VTEX in a box."""
    transport = RequestsTransport("http://vtex", adapter=SandboxAdapter(box))
    return VtexClient(box.account, transport, Credentials(SecretStr("key"), SecretStr("token")))
