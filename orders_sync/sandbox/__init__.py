"""A VTEX in a box: it behaves as VTEX does, and fails as VTEX does, when asked to.

`Box` is the pure core. Under a `requests` session it is mounted with `SandboxAdapter`; over HTTP
it is served by `orders_sync.sandbox.server`, which also opens the admin API (`Admin`).
"""

from __future__ import annotations

from orders_sync.sandbox.adapter import SandboxAdapter
from orders_sync.sandbox.admin import Admin
from orders_sync.sandbox.box import Box
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.feed import FeedCounts
from orders_sync.sandbox.outbound_views import CancellationView, ChangeView, EventView, PackageView
from orders_sync.sandbox.record import Call
from orders_sync.sandbox.views import LineView, OrderView
from orders_sync.sandbox.wire import Dropped, Request, Response
from orders_sync.sandbox.workflow import Trouble

__all__ = [
    "Admin",
    "Box",
    "Call",
    "CancellationView",
    "ChangeView",
    "Dials",
    "Dropped",
    "EventView",
    "FeedCounts",
    "LineView",
    "OrderView",
    "PackageView",
    "Request",
    "Response",
    "SandboxAdapter",
    "Trouble",
]
