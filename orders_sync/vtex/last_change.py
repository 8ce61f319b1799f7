"""When VTEX last changed an order, as its document says."""

from __future__ import annotations

from datetime import datetime

from orders_sync.vtex.documents import parse_document, require
from orders_sync.vtex.schemas import Moment, WireModel


class _Document(WireModel):
    last_change: Moment = None


def last_change(document: bytes) -> datetime | None:
    """Read when the order changed last; None where the document does not say.

    Raises:
        Unreadable: it is no document of an order.
    """
    found = require(_Document, parse_document(document), "The order's document")
    return found.last_change
