"""Which call a method and a path are."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

_ORDERS = "/api/oms/pvt/orders"

#: path: {method: name of the call}
_ROUTES: Final[dict[str, dict[str, str]]] = {
    "/api/orders/feed": {"GET": "feed_read", "POST": "feed_commit"},
    "/api/orders/feed/config": {
        "GET": "feed_config_get",
        "POST": "feed_config_set",
        "DELETE": "feed_config_delete",
    },
    _ORDERS: {"GET": "list_orders"},
    _ORDERS + "/{order_id}": {"GET": "get_order"},
    _ORDERS + "/{order_id}/start-handling": {"POST": "start_handling"},
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
