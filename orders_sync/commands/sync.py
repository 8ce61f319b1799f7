"""Syncs: the order is read from VTEX now, and nothing is sent."""

from __future__ import annotations

from typing import Final

from orders_sync.commands.body import Body
from orders_sync.commands.kind import Kind


class SyncBody(Body):
    """Nothing: the order is read from VTEX now."""


SYNC: Final = Kind(
    name="sync",
    noun="read",
    collection="reads",
    summary="Read an order from VTEX now.",
    body=SyncBody,
    example={},
)
