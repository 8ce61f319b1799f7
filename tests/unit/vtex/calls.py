"""Every call that the client can make, and which operation of VTEX's it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from orders_sync.commands.body import Quantity
from orders_sync.commands.cancel import CancelBody
from orders_sync.commands.change import ChangeBody, Exchange, NewItem
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.invoice import InvoiceBody
from orders_sync.commands.note import NoteBody
from orders_sync.commands.track import TrackBody, TrackingEvent
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.feed import FeedConfiguration
from orders_sync.vtex.hook import HookConfiguration
from orders_sync.vtex.orders import OrderFilter, TimeSpan

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 12, tzinfo=UTC)

FEED = FeedConfiguration.from_workflow(
    ["ready-for-handling"], visibility_seconds=240, retention_seconds=345_600
)
HOOK = HookConfiguration.from_workflow(
    ["ready-for-handling"], url="https://erp.example.com/hook", headers={"X-Secret": "made-up"}
)
ITEM = Quantity(sku="8", quantity=1, price_cents=2499)
PART = InvoiceBody(number="NF1", issued_at=NOON, value_cents=2499, items=(ITEM,))
WHOLE = InvoiceBody(
    number="NF2",
    type="Input",
    issued_at=NOON,
    value_cents=2499,
    items=(ITEM,),
    access_key="CFe35",
    url="https://erp.example.com/NF2.xml",
    embedded_invoice="<NFe/>",
    courier="Swift",
    tracking_number="TRK1",
    tracking_url="https://swift.example.com/TRK1",
    dispatched_at=NOON,
    cfop="5102",
)
BARE_TRACKING = TrackBody(invoice_number="NF1", tracking_number="TRK1")
TRACKING = TrackBody(
    invoice_number="NF1",
    tracking_number="TRK1",
    tracking_url="https://swift.example.com/TRK1",
    courier="Swift",
    dispatched_at=NOON,
)
COLLECTED = TrackingEvent(
    city="Rio de Janeiro", state="RJ", description="Collected", date=date(2026, 11, 24)
)
ON_ITS_WAY = TrackBody(invoice_number="NF1", events=(COLLECTED,))
ARRIVED = TrackBody(
    invoice_number="NF1",
    events=(TrackingEvent(city="Recife", state="PE", description="Delivered", date=LATER),),
    delivered=True,
    delivered_at=LATER,
)
CANCELLATION = CancelBody(reason="no stock")
DENIAL = DenyBody(reason="already packed")
NOTE = NoteBody(message="Sale 42")
SHORT = Quantity(line_id="40E7", sku="8", quantity=1)
OTHER = NewItem(sku="9", quantity=2, price_cents=1200, measurement_unit="kg", unit_multiplier=0.5)
PRICED = NewItem(sku="9", quantity=2, price_cents=1200)
SWAP = Exchange.model_validate({"from": (SHORT,), "to": (OTHER,)})
REMOVAL = ChangeBody(reason="stock shortage", remove=(SHORT,))
REPLACEMENT = ChangeBody(reason="another size", replace=(SWAP,))
ALL_AT_ONCE = ChangeBody(
    reason="all at once",
    add=(OTHER,),
    remove=(SHORT,),
    replace=(SWAP,),
    manual_discount_cents=100,
    manual_increment_cents=50,
)
FILTER = OrderFilter(
    statuses=("handling", "invoiced"),
    created=TimeSpan(NOON, LATER),
    authorized=TimeSpan(NOON, LATER),
    invoiced=TimeSpan(NOON, LATER),
    sales_channel="1",
    search="banana",
    incomplete=False,
)

_OMS = "/api/oms/pvt/orders"
_CHANGES = "/api/order-system/orders/{changeOrderId}/changes"
_DOCUMENT = "/api/orders/pvt/document/{orderId}"


@dataclass(frozen=True)
class Call:
    """One use of a method; `operation` is VTEX's method and path."""

    method: str
    operation: str
    make: Callable[[VtexClient], Any]


def _call(method: str, operation: str, *arguments: Any) -> Call:
    def make(client: VtexClient) -> Any:
        return getattr(client, method)(*arguments)

    return Call(method, operation, make)


CALLS = {
    "get feed": _call("get_feed", "GET /api/orders/feed"),
    "commit feed": _call("commit_feed", "POST /api/orders/feed", ["handle"]),
    "get feed configuration": _call("get_feed_configuration", "GET /api/orders/feed/config"),
    "set feed configuration": _call("set_feed_configuration", "POST /api/orders/feed/config", FEED),
    "get hook configuration": _call("get_hook_configuration", "GET /api/orders/hook/config"),
    "set hook configuration": _call("set_hook_configuration", "POST /api/orders/hook/config", HOOK),
    "delete hook configuration": _call(
        "delete_hook_configuration", "DELETE /api/orders/hook/config"
    ),
    "get order": _call("get_order", f"GET {_OMS}/{{orderId}}", "1-01"),
    "start handling": _call("start_handling", f"POST {_OMS}/{{orderId}}/start-handling", "1-01"),
    "list orders": _call("list_orders", f"GET {_OMS}"),
    "list orders with every filter": _call("list_orders", f"GET {_OMS}", FILTER),
    "iterate orders": Call(
        "iterate_orders", f"GET {_OMS}", lambda client: list(client.iterate_orders(NOON, LATER))
    ),
    "invoice a part": _call("invoice", f"POST {_OMS}/{{orderId}}/invoice", "1-01", PART),
    "invoice with every field": _call("invoice", f"POST {_OMS}/{{orderId}}/invoice", "1-01", WHOLE),
    "update invoice": _call(
        "update_invoice",
        f"PATCH {_OMS}/{{orderId}}/invoice/{{invoiceNumber}}",
        "1-01",
        "NF1",
        TRACKING,
    ),
    "update invoice with a number alone": _call(
        "update_invoice",
        f"PATCH {_OMS}/{{orderId}}/invoice/{{invoiceNumber}}",
        "1-01",
        "NF1",
        BARE_TRACKING,
    ),
    "update tracking": _call(
        "update_tracking",
        f"PUT {_OMS}/{{orderId}}/invoice/{{invoiceNumber}}/tracking",
        "1-01",
        "NF1",
        ON_ITS_WAY,
    ),
    "update tracking at the end": _call(
        "update_tracking",
        f"PUT {_OMS}/{{orderId}}/invoice/{{invoiceNumber}}/tracking",
        "1-01",
        "NF1",
        ARRIVED,
    ),
    "cancel order": _call(
        "cancel_order", f"POST {_OMS}/{{orderId}}/cancel", "1-01", CancelBody(reason="no stock")
    ),
    "deny cancellation": _call(
        "deny_cancellation",
        f"POST {_DOCUMENT}/deny-cancellation-request",
        "1-01",
        "C1",
        DENIAL,
    ),
    "create change": _call("create_change", f"PATCH {_CHANGES}", "1-01", REPLACEMENT),
    "create change of every kind": _call("create_change", f"PATCH {_CHANGES}", "1-01", ALL_AT_ONCE),
    "preview change": _call("preview_change", f"POST {_CHANGES}/preview", "1-01", REPLACEMENT),
    "preview removal": _call("preview_change", f"POST {_CHANGES}/preview", "1-01", REMOVAL),
    "get change history": _call("get_change_history", f"GET {_CHANGES}", "1-01"),
    "get change detail": _call(
        "get_change_detail", f"GET {_CHANGES}/{{changeRequestId}}", "1-01", "R1"
    ),
    "register change": _call(
        "register_change",
        f"POST {_OMS}/{{orderId}}/changes",
        "1-01",
        ChangeBody(reason="another", add=(PRICED,), manual_discount_cents=1),
        "key-1",
    ),
    "add interaction": _call(
        "add_interaction",
        f"POST {_OMS}/{{orderId}}/interactions",
        "1-01",
        NoteBody(message="Sale 42"),
    ),
}
