"""A VTEX in a box: it behaves as VTEX does, and fails as VTEX does, when asked to.

`Box` is the pure core. Under a `requests` session it is mounted with `SandboxAdapter`; over HTTP
it is served by `orders_sync.sandbox.server`, which also opens the admin API (`Admin`).
"""

from __future__ import annotations

from orders_sync.sandbox.admin import Admin
from orders_sync.sandbox.box import Box
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.feed import FeedCounts
from orders_sync.sandbox.server import SandboxAdapter
from orders_sync.sandbox.views import (
    Call,
    CancellationView,
    ChangeView,
    EventView,
    LineView,
    OrderView,
    PackageView,
)
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
