"""The small calls: notes on an order's timeline, payments, and trying out an expression."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from orders_sync.sandbox import bodies, envelopes
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Asked, Done, Operation, Refusal
from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.wire import Response, json_response

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
            raise Refusal(envelopes.oms_error(404, "1", "Payment transaction not found"))
        transaction = _transaction(order)
        return Done(json_response(200, {"status": "Authorized", **transaction}))

    def payment_notification(self, asked: Asked) -> Done:
        """Note that a payment outside the platform came in."""
        order = self._oms.require(asked.names["order_id"])
        payments = [payment["id"] for payment in _transaction(order)["payments"]]
        if asked.names["payment_id"] not in payments:
            raise Refusal(envelopes.oms_error(404, "CHK0196", "Payment not found"))
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
    wanted = _STATUS.findall(expression)
    return Done(json_response(200, not wanted or status in wanted))


def _transaction(order: Order) -> dict[str, Any]:
    data = json.loads(b"{%b}" % order.document.fields)
    transaction: dict[str, Any] = data["paymentData"]["transactions"][0]
    return transaction
