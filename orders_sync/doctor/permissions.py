"""What the account's key must be allowed, and a harmless way to ask VTEX whether it is.

Where a permission is for writing, VTEX is asked about an order that does not exist: a 404 shows
that the call was let in, and nothing can come of it.
https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from orders_sync.commands.change import ChangeBody
from orders_sync.commands.deny import DenyBody
from orders_sync.commands.track import TrackBody
from orders_sync.vtex import resources
from orders_sync.vtex.client import VtexClient

_TEXT: Final = "orders_sync doctor"


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission by what it is for, and the resource of VTEX's License Manager that grants it.

    `ask` is given the client and the id of an order that does not exist. None: every call that
    needs the resource has an effect.
    """

    check: str
    resource: str
    ask: Callable[[VtexClient, str], Any] | None


READ_FEED: Final = Permission(
    "read the feed",
    resources.FEED,
    lambda vtex, _: vtex.get_feed_configuration(),
)
LIST_ORDERS: Final = Permission(
    "list orders", resources.LIST_ORDERS, lambda vtex, _: vtex.list_orders(per_page=1)
)
OTHERS: Final = (
    Permission(
        "read orders",
        resources.VIEW_ORDER,
        lambda vtex, order_id: vtex.get_order(order_id),
    ),
    Permission(
        "start handling",
        resources.WORKFLOW,
        lambda vtex, order_id: vtex.start_handling(order_id),
    ),
    Permission(
        "invoice and track",
        resources.NOTIFY_INVOICE,
        lambda vtex, order_id: vtex.update_invoice(
            order_id, "0", TrackBody(invoice_number="0", tracking_number=_TEXT)
        ),
    ),
    Permission(
        "cancel and deny",
        resources.CANCEL_ORDER,
        lambda vtex, order_id: vtex.deny_cancellation(order_id, order_id, DenyBody(reason=_TEXT)),
    ),
    Permission(
        "change orders",
        resources.CHANGE_ORDER,
        lambda vtex, order_id: vtex.preview_change(
            order_id, ChangeBody(reason=_TEXT, manual_discount_cents=1)
        ),
    ),
    Permission("refund returns", resources.NOTIFY_REFUND, None),
    Permission("add notes", resources.FULL_ACCESS, None),
)
