"""Which call a method and a path are."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

_ORDERS = "/api/oms/pvt/orders"
_ORDER = _ORDERS + "/{order_id}"
_INVOICE = _ORDER + "/invoice/{invoice_number}"
_DOCUMENT = "/api/orders/pvt/document/{order_id}"
_ORDER_SYSTEM = "/api/order-system/orders"
_CHANGES = _ORDER_SYSTEM + "/{order_id}/changes"

#: path: {method: name of the call}
_ROUTES: Final[dict[str, dict[str, str]]] = {
    "/api/orders/feed": {"GET": "feed_read", "POST": "feed_commit"},
    "/api/orders/feed/config": {
        "GET": "feed_config_get",
        "POST": "feed_config_set",
        "DELETE": "feed_config_delete",
    },
    _ORDERS: {"GET": "list_orders"},
    _ORDERS + "/order-group/{order_group}": {"GET": "order_group"},
    _ORDER: {"GET": "get_order"},
    _ORDER + "/start-handling": {"POST": "start_handling"},
    _ORDER + "/invoice": {"POST": "invoice"},
    _INVOICE: {"PATCH": "update_invoice"},
    _INVOICE + "/tracking": {"PUT": "update_tracking"},
    _ORDER + "/cancel": {"POST": "cancel"},
    _DOCUMENT + "/deny-cancellation-request": {"POST": "deny_cancellation"},
    _ORDER + "/changes": {"POST": "register_change"},
    _DOCUMENT + "/change-summary": {"GET": "change_summary"},
    _ORDER_SYSTEM + "/changes/settings": {
        "GET": "change_settings_get",
        "PUT": "change_settings_set",
    },
    _CHANGES: {"PATCH": "create_change", "GET": "change_history"},
    _CHANGES + "/preview": {"POST": "preview_change"},
    _CHANGES + "/{request_id}": {"GET": "change_detail"},
    _CHANGES + "/{request_id}/retry": {"POST": "retry_change"},
    _CHANGES + "/{request_id}/cancel": {"POST": "cancel_change"},
    _ORDER + "/interactions": {"POST": "add_interaction"},
    _ORDER + "/payment-transaction": {"GET": "payment_transaction"},
    _ORDER + "/payments/{payment_id}/payment-notification": {"POST": "payment_notification"},
    "/api/orders/hook/config": {
        "GET": "hook_config_get",
        "POST": "hook_config_set",
        "DELETE": "hook_config_delete",
    },
    "/api/orders/expressions/jsonata": {"POST": "test_expression"},
}


class Route(NamedTuple):
    """A call by name, and what its path holds, decoded."""

    call: str
    names: dict[str, str]


class NoRoute(NamedTuple):
    """The path is unknown (404), or does not take the method (405)."""

    status: int


def find_route(method: str, path: str) -> Route | NoRoute:
    """Look a raw path up; an id in it must be percent-encoded, or its slashes part it."""
    for pattern, methods in _COMPILED:
        match = pattern.fullmatch(path)
        if match is not None:
            call = methods.get(method)
            if call is None:
                return NoRoute(405)
            return Route(call, {name: unquote(text) for name, text in match.groupdict().items()})
    return NoRoute(404)


_COMPILED: Final = tuple(
    (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), methods)
    for path, methods in _ROUTES.items()
)
