"""VTEX's list of orders in small: pages of what was created in a span, and none past its last."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unit.vtex.recording import CREDENTIALS

from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Request, Response

_SPAN = re.compile(r"creationDate:\[(\S+) TO (\S+)\]")


@dataclass
class OrderIndex:
    """A transport; `orders` maps ids to times of creation, and `before` may change them."""

    orders: dict[str, datetime]
    before: Callable[[OrderIndex], None] = lambda _: None
    queries: list[dict[str, str]] = field(default_factory=list)

    @property
    def client(self) -> VtexClient:
        return VtexClient("mystore", self, CREDENTIALS)

    def send(self, request: Request) -> Response:
        self.before(self)
        query = dict(request.query)
        self.queries.append(query)
        page, per_page = int(query["page"]), int(query["per_page"])
        if not (1 <= page <= 30 and 1 <= per_page <= 100):
            return Response(400)
        found = [_row(it, at) for it, at in self._created_in(query["f_creationDate"])]
        first = (page - 1) * per_page
        paging = {
            "total": len(found),
            "pages": math.ceil(len(found) / per_page),
            "currentPage": page,
            "perPage": per_page,
        }
        body = {"list": found[first : first + per_page], "paging": paging}
        return Response(200, {}, json.dumps(body).encode())

    def _created_in(self, span: str) -> list[tuple[str, datetime]]:
        """Compare exactly, to the last fraction digit, which is the strictest VTEX could be."""
        matched = _SPAN.fullmatch(span)
        assert matched
        start, end = (datetime.fromisoformat(text) for text in matched.groups())
        found = [(it, at) for it, at in self.orders.items() if start <= at <= end]
        return sorted(found, key=lambda row: row[1])


def _row(order_id: str, created: datetime) -> dict[str, Any]:
    return {"orderId": order_id, "creationDate": created.isoformat(), "status": "handling"}
