"""The receipt with which VTEX answers what it accepted."""

from __future__ import annotations

from random import Random
from typing import Any

from orders_sync.sandbox.timestamps import offset_text, to_ticks
from orders_sync.sandbox.wire import Response, json_response

_LACKING = 0.1


def receipt(random: Random, order_id: str, now: float) -> dict[str, Any]:
    """Draw a receipt."""
    return {
        "date": offset_text(to_ticks(now)),
        "orderId": order_id,
        "receipt": f"{random.getrandbits(128):032x}",
    }


def accepted(random: Random, order_id: str, now: float, *, may_lack: bool = False) -> Response:
    """Answer 200 with a receipt; where it `may_lack`, it is null at times."""
    answer = receipt(random, order_id, now)
    if may_lack and random.random() < _LACKING:
        answer["receipt"] = None
    return json_response(200, answer)
