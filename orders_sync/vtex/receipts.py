"""VTEX's receipts: its word that it took a call. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orders_sync.domain.fulfilment import VtexReceipt
from orders_sync.vtex.exchange import Request, Response
from orders_sync.vtex.parsing import parse_timestamp
from orders_sync.vtex.responses import read_json


def receipt(order_id: str, request: Request, response: Response) -> VtexReceipt:
    """Read a receipt. VTEX took the call even where the receipt is null or the answer empty.

    Raises:
        OutcomeUnknown: the answer is not JSON, so it does not tell what happened.
    """
    data = read_json(request, response)
    fields = data if isinstance(data, Mapping) else {}
    named, number = fields.get("orderId"), fields.get("receipt")
    return VtexReceipt(
        receipt=number if isinstance(number, str) and number else None,
        date=parse_timestamp(fields.get("date")),
        order_id=named if isinstance(named, str) and named else order_id,
    )
