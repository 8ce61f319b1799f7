"""Every call that the client can make, and which operation of VTEX's it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from orders_sync.domain.fulfilment import (
    Change,
    ChangeItem,
    Invoice,
    InvoiceItem,
    Replacement,
    TrackingData,
    TrackingEvent,
    TrackingProgress,
)
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.hook_configuration import HookConfiguration
from orders_sync.vtex.order_rows import OrderFilter, TimeSpan
from orders_sync.vtex.schemas import FeedConfiguration

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 12, tzinfo=UTC)

FEED = FeedConfiguration.from_workflow(
    ["ready-for-handling"], visibility_seconds=240, retention_seconds=345_600
)
HOOK = HookConfiguration.from_workflow(
    ["ready-for-handling"], url="https://erp.example.com/hook", headers={"X-Secret": "made-up"}
)
PART = Invoice("NF1", "Output", NOON, 2499, (InvoiceItem("8", 1, 2499),))
WHOLE = Invoice(
    number="NF2",
    type="Input",
    issued_at=NOON,
    value_cents=2499,
    items=(InvoiceItem("8", 1, 2499, description="one"),),
    access_key="CFe35",
    url="https://erp.example.com/NF2.xml",
    embedded_invoice="<NFe/>",
    courier="Swift",
    tracking_number="TRK1",
    tracking_url="https://swift.example.com/TRK1",
    dispatched_at=NOON,
    cfop="5102",
)
TRACKING = TrackingData("TRK1", "https://swift.example.com/TRK1", "Swift", NOON)
ON_ITS_WAY = TrackingProgress(
    (TrackingEvent("Rio de Janeiro", "RJ", "Collected", date(2026, 11, 24)),),
    delivered=False,
    delivered_at=None,
)
ARRIVED = TrackingProgress(
    (TrackingEvent("Recife", "PE", "Delivered", LATER),), delivered=True, delivered_at=LATER
)
SHORT = ChangeItem("8", 1, unique_id="40E7")
OTHER = ChangeItem("9", 2, price_cents=1200, measurement_unit="kg", unit_multiplier=0.5)
REMOVAL = Change("stock shortage", remove=(SHORT,))
REPLACEMENT = Change("another size", replace=(Replacement((SHORT,), (OTHER,)),))
ALL_AT_ONCE = Change(
    "all at once",
    add=(OTHER,),
    remove=(SHORT,),
    replace=(Replacement((SHORT,), (OTHER,)),),
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
    "iterate feed": Call(
        "iterate_feed", "GET /api/orders/feed", lambda client: list(client.iterate_feed())
    ),
    "commit feed": _call("commit_feed", "POST /api/orders/feed", ["handle"]),
    "get feed configuration": _call("get_feed_configuration", "GET /api/orders/feed/config"),
    "set feed configuration": _call("set_feed_configuration", "POST /api/orders/feed/config", FEED),
    "delete feed configuration": _call(
        "delete_feed_configuration", "DELETE /api/orders/feed/config"
    ),
    "get hook configuration": _call("get_hook_configuration", "GET /api/orders/hook/config"),
    "set hook configuration": _call("set_hook_configuration", "POST /api/orders/hook/config", HOOK),
    "delete hook configuration": _call(
        "delete_hook_configuration", "DELETE /api/orders/hook/config"
    ),
    "evaluate jsonata": _call(
        "evaluate_jsonata", "POST /api/orders/expressions/jsonata", "value > 1", '{"value": 2}'
    ),
    "get order": _call("get_order", f"GET {_OMS}/{{orderId}}", "1-01"),
    "get order group": _call("get_order_group", f"GET {_OMS}/order-group/{{orderGroup}}", "v1str"),
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
        TrackingData("TRK1"),
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
    "cancel order": _call("cancel_order", f"POST {_OMS}/{{orderId}}/cancel", "1-01", "no stock"),
    "deny cancellation": _call(
        "deny_cancellation",
        f"POST {_DOCUMENT}/deny-cancellation-request",
        "1-01",
        "C1",
        "already packed",
    ),
    "create change": _call("create_change", f"PATCH {_CHANGES}", "1-01", REPLACEMENT),
    "create change of every kind": _call("create_change", f"PATCH {_CHANGES}", "1-01", ALL_AT_ONCE),
    "preview change": _call("preview_change", f"POST {_CHANGES}/preview", "1-01", REPLACEMENT),
    "preview removal": _call("preview_change", f"POST {_CHANGES}/preview", "1-01", REMOVAL),
    "get change history": _call("get_change_history", f"GET {_CHANGES}", "1-01"),
    "get change detail": _call(
        "get_change_detail", f"GET {_CHANGES}/{{changeRequestId}}", "1-01", "R1"
    ),
    "retry change": _call(
        "retry_change", f"POST {_CHANGES}/{{changeRequestId}}/retry", "1-01", "R1", REPLACEMENT
    ),
    "cancel change": _call(
        "cancel_change", f"POST {_CHANGES}/{{changeRequestId}}/cancel", "1-01", "R1", "stuck"
    ),
    "get change summary": _call("get_change_summary", f"GET {_DOCUMENT}/change-summary", "1-01"),
    "register change": _call(
        "register_change",
        f"POST {_OMS}/{{orderId}}/changes",
        "1-01",
        Change("another", add=(OTHER,), remove=(OTHER,), manual_discount_cents=1),
        "key-1",
    ),
    "add interaction": _call(
        "add_interaction", f"POST {_OMS}/{{orderId}}/interactions", "1-01", "ERP", "Sale 42"
    ),
    "get payment transaction": _call(
        "get_payment_transaction", f"GET {_OMS}/{{orderId}}/payment-transaction", "1-01"
    ),
    "notify payment": _call(
        "notify_payment",
        f"POST {_OMS}/{{orderId}}/payments/{{paymentId}}/payment-notification",
        "1-01",
        "P1",
    ),
}
