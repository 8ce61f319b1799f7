"""List orders: VTEX's search index, which is always a little behind.

https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from orders_sync.sandbox.envelopes import problem
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.timestamps import offset_text, to_ticks, utc_text
from orders_sync.sandbox.wire import Response, json_response

_MAX_PAGE: Final = 30
_MAX_PER_PAGE: Final = 100
_RANGE: Final = re.compile(r"creationDate:\[(\S+) TO (\S+)\]")


def list_orders(oms: Oms, parameters: Mapping[str, str], indexed_until: float) -> Response:
    """Answer with one page, the newest first, of what was so at `indexed_until`.

    Understood: `page`, `per_page`, `f_status` (a comma list) and `f_creationDate`.
    """
    page, per_page = _number(parameters, "page", 1), _number(parameters, "per_page", 15)
    if not (1 <= page <= _MAX_PAGE and 1 <= per_page <= _MAX_PER_PAGE):
        return problem(400, "Bad Request")
    rows = [
        _row(order, status)
        for order in reversed(oms.orders.values())
        if order.created_at <= indexed_until
        and not order.vanished
        and _matches(order, status := order.status_at(indexed_until), parameters)
    ]
    start = (page - 1) * per_page
    paging = {
        "total": len(rows),
        "pages": math.ceil(len(rows) / per_page),
        "currentPage": page,
        "perPage": per_page,
    }
    stats: dict[str, Any] = {"stats": {}}
    body = {
        "list": rows[start : start + per_page],
        "facets": [],
        "paging": paging,
        "stats": stats,
        "reportRecordsLimit": 30_000,
    }
    return json_response(200, body)


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    return int(text) if text.isdecimal() else -1


def _matches(order: Order, status: str | None, parameters: Mapping[str, str]) -> bool:
    statuses = parameters.get("f_status")
    if statuses and status not in statuses.split(","):
        return False
    span = _RANGE.fullmatch(parameters.get("f_creationDate", ""))
    if span is None:
        return True
    created = utc_text(to_ticks(order.created_at))
    return span[1].removesuffix("Z") <= created <= span[2].removesuffix("Z") + "9"


def _row(order: Order, status: str | None) -> dict[str, Any]:
    document = order.document
    ids, person = document.ids, document.person
    return {
        "orderId": order.order_id,
        "creationDate": offset_text(to_ticks(order.created_at)),
        "clientName": f"{person.first_name} {person.last_name}",
        "items": None,
        "totalValue": float(document.value_cents),
        "paymentNames": document.payment_names,
        "status": status,
        "statusDescription": "",
        "marketPlaceOrderId": ids.marketplace_order_id,
        "sequence": ids.sequence,
        "salesChannel": person.country.sales_channel,
        "affiliateId": ids.affiliate_id,
        "origin": ids.origin,
        "workflowInErrorState": False,
        "workflowInRetry": False,
        "lastMessageUnread": None,
        "ShippingEstimatedDate": None,
        "ShippingEstimatedDateMax": None,
        "ShippingEstimatedDateMin": None,
        "orderIsComplete": order.is_completed,
        "listId": None,
        "listType": None,
        "authorizedDate": None,
        "callCenterOperatorName": None,
        "totalItems": len(document.lines),
        "currencyCode": document.currency,
    }
