"""The resources of VTEX's License Manager that grant an account's key its calls.

https://help.vtex.com/en/tutorial/license-manager-resources--3q6ztrC8YynQf6rdc6euk3
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FEED: Final = "OMS > Feed v3 and Hook Admin (in no predefined role: make a custom one)"
VIEW_ORDER: Final = "OMS > OMS access > View order"
LIST_ORDERS: Final = "OMS > OMS access > List Orders"
WORKFLOW: Final = "OMS > OMS access > Change order workflow status"
NOTIFY_INVOICE: Final = "OMS > OMS access > Notify invoice"
NOTIFY_REFUND: Final = "OMS > OMS access > Notify refund"
CANCEL_ORDER: Final = "OMS > OMS access > Cancel order"
CHANGE_ORDER: Final = "OMS > OMS access > Change order"
FULL_ACCESS: Final = "Checkout > Orders Full Access"

#: By the name of the operation.
RESOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "get_feed",
                "commit_feed",
                "get_feed_configuration",
                "set_feed_configuration",
                "get_hook_configuration",
                "set_hook_configuration",
                "delete_hook_configuration",
            ),
            FEED,
        ),
        "get_order": VIEW_ORDER,
        "list_orders": LIST_ORDERS,
        "start_handling": WORKFLOW,
        "invoice": f"{NOTIFY_INVOICE} (of a return: Notify refund)",
        **dict.fromkeys(("update_invoice", "update_tracking"), NOTIFY_INVOICE),
        **dict.fromkeys(("cancel_order", "deny_cancellation"), CANCEL_ORDER),
        **dict.fromkeys(
            (
                "create_change",
                "preview_change",
                "get_change_history",
                "get_change_detail",
                "register_change",
            ),
            CHANGE_ORDER,
        ),
        "add_interaction": FULL_ACCESS,
    }
)


def resource_of(operation: str) -> str | None:
    """Name what grants an operation, such as `get_order 123-01`; None where it is not known."""
    return RESOURCES.get(operation.partition(" ")[0])
