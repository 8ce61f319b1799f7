"""The calls that read and list orders, note something on them, or try an expression.

The list is VTEX's search index, which is always a little behind.
https://developers.vtex.com/docs/api-reference/orders-api#get-/api/oms/pvt/orders
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox.dials import Dials
from orders_sync.sandbox.envelopes import problem
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.orders import OmsOrder
from orders_sync.sandbox.wire import (
    JSON,
    Asked,
    CallRefused,
    Done,
    Operation,
    Response,
    json_response,
    offset_text,
    to_ticks,
    utc_text,
)

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


def _matches(order: OmsOrder, status: str | None, parameters: Mapping[str, str]) -> bool:
    statuses = parameters.get("f_status")
    if statuses and status not in statuses.split(","):
        return False
    span = _RANGE.fullmatch(parameters.get("f_creationDate", ""))
    if span is None:
        return True
    created = utc_text(to_ticks(order.created_at))
    return span[1].removesuffix("Z") <= created <= span[2].removesuffix("Z") + "9"


def _row(order: OmsOrder, status: str | None) -> dict[str, Any]:
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


_JSON_HEADERS = {"content-type": JSON}


class OrderOperations:
    """Get order, order group, List orders and Start handling."""

    def __init__(self, oms: Oms, dials: Dials, random: Random) -> None:
        self._oms = oms
        self._dials = dials
        self._random = random

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "get_order": self.get_order,
            "order_group": self.order_group,
            "list_orders": self.list_orders,
            "start_handling": self.start_handling,
        }

    def get_order(self, asked: Asked) -> Done:
        """Answer with the order's document."""
        order = self._oms.require(asked.names["order_id"])
        return Done(Response(200, order.body_at(asked.now), _JSON_HEADERS))

    def order_group(self, asked: Asked) -> Done:
        """Answer with the documents of all orders of one purchase."""
        group = asked.names["order_group"]
        bodies = (
            order.body()
            for order in self._oms.orders.values()
            if order.document.ids.order_group == group and not order.vanished
        )
        return Done(Response(200, b"[%b]" % b",".join(bodies), _JSON_HEADERS))

    def list_orders(self, asked: Asked) -> Done:
        """Answer with a page of what the index knows by now."""
        indexed_until = asked.now - self._dials.index_lag_seconds
        return Done(list_orders(self._oms, asked.request.parameters(), indexed_until))

    def start_handling(self, asked: Asked) -> Done:
        """Take the order over, if it is ready for handling."""
        order = self._oms.require(asked.names["order_id"])
        chance = self._dials.hollow_success
        if chance and self._random.random() < chance:
            return Done(Response(204))
        if not self._oms.start_handling(order, asked.now):
            return Done(envelopes.wrong_status(self._random))
        return Done(Response(204), effect=True)


_STATUS: Final = re.compile(r"""\bstatus\s*=\s*["']([^"']+)["']""")


class NoteOperations:
    """Add log, payment transaction, payment notification, and the test of an expression."""

    def __init__(self, oms: Oms) -> None:
        self._oms = oms

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "add_interaction": self.add_interaction,
            "payment_transaction": self.payment_transaction,
            "payment_notification": self.payment_notification,
            "test_expression": try_expression,
        }

    def add_interaction(self, asked: Asked) -> Done:
        """Put a note on the order's timeline; the same one twice stands there twice."""
        order = self._oms.require(asked.names["order_id"])
        data = bodies.read_object(asked.request)
        note = (bodies.text(data, "source"), bodies.text(data, "message"))
        order.interactions.append(note)
        return Done(Response(200), effect=True)

    def payment_transaction(self, asked: Asked) -> Done:
        """Show how the order was paid; only the marketplace's own orders know."""
        order = self._oms.require(asked.names["order_id"])
        if order.document.ids.origin != "Marketplace":
            raise CallRefused(envelopes.oms_error(404, "1", "Payment transaction not found"))
        transaction = _transaction(order)
        return Done(json_response(200, {"status": "Authorized", **transaction}))

    def payment_notification(self, asked: Asked) -> Done:
        """Record that a payment outside the platform came in."""
        order = self._oms.require(asked.names["order_id"])
        payments = [payment["id"] for payment in _transaction(order)["payments"]]
        if asked.names["payment_id"] not in payments:
            raise CallRefused(envelopes.oms_error(404, "CHK0196", "Payment not found"))
        order.payment_notifications += 1
        return Done(Response(200), effect=True)


def try_expression(asked: Asked) -> Done:
    """Try a JSONata expression; all that is understood of one is `status = "..."`."""
    data = bodies.read_object(asked.request)
    expression, document = bodies.text(data, "Expression"), bodies.text(data, "Document")
    try:
        status = json.loads(document)["status"]
    except (ValueError, TypeError, KeyError):
        status = None
    statuses = _STATUS.findall(expression)
    return Done(json_response(200, not statuses or status in statuses))


def _transaction(order: OmsOrder) -> dict[str, Any]:
    data = json.loads(b"{%b}" % order.document.fields)
    transaction: dict[str, Any] = data["paymentData"]["transactions"][0]
    return transaction
