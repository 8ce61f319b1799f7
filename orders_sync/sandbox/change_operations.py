"""The calls of order modifications, the second version of changing an order.

https://developers.vtex.com/docs/api-reference/orders-api#patch-/api/order-system/orders/-changeOrderId-/changes
"""

from __future__ import annotations

from typing import Any

from orders_sync.sandbox import bodies
from orders_sync.sandbox.change_bodies import parse_change
from orders_sync.sandbox.changes import Change, change_json, detail_json
from orders_sync.sandbox.changing import Changing, refused
from orders_sync.sandbox.oms import Oms
from orders_sync.sandbox.operations import Asked, Done, Operation
from orders_sync.sandbox.orders import Order
from orders_sync.sandbox.wire import Response, json_response


class ChangeOperations:
    """Create, preview, follow, retry and cancel changes, and their settings."""

    def __init__(self, oms: Oms, changing: Changing, account: str) -> None:
        self._oms = oms
        self._changing = changing
        self._account = account
        self._settings: dict[str, Any] = {
            "paymentConfiguration": {"customPaymentSystemsAllowed": []},
            "rolloutConfiguration": {"usingDefaultBehavior": False, "enableApi": True},
            "pipelineConfiguration": {"compensateShippingChanges": True},
        }

    def table(self) -> dict[str, Operation]:
        """Name the operations as the routes do."""
        return {
            "create_change": self.create,
            "preview_change": self.preview,
            "change_history": self.history,
            "change_detail": self.detail,
            "retry_change": self.retry,
            "cancel_change": self.cancel,
            "change_settings_get": self.get_settings,
            "change_settings_set": self.set_settings,
        }

    def create(self, asked: Asked) -> Done:
        """Accept a change; the answer does not say that it will be made."""
        self._require_account(asked, "accountName")
        order = self._oms.require(asked.names["order_id"])
        wanted = parse_change(bodies.read_object(asked.request))
        if not self._settings["rolloutConfiguration"].get("enableApi"):
            raise refused("CHK0124", "Order modifications are not enabled for this account.")
        change = self._changing.accept(order, wanted, asked.now)
        answer = change_json(change, self._account, order.order_id)
        # VTEX has not computed anything by the time it answers.
        answer.update(totalChangeValue=0, totals=[])
        return Done(json_response(202, answer), effect=True, about=wanted.reason)

    def preview(self, asked: Asked) -> Done:
        """Compute what a change would cost."""
        self._require_account(asked, "an")
        order = self._oms.require(asked.names["order_id"])
        wanted = parse_change(bodies.read_object(asked.request))
        change = self._changing.try_out(order, wanted, asked.now)
        preview = change_json(change, self._account, order.order_id)
        del preview["requestId"], preview["workflowId"]
        return Done(json_response(200, preview))

    def history(self, asked: Asked) -> Done:
        """List the changes that were made; one that failed or still runs is not among them."""
        self._require_account(asked, "an")
        order = self._oms.require(asked.names["order_id"])
        made = [
            change_json(change, self._account, order.order_id)
            for change in order.changes
            if change.status == "done" and change.version == 2
        ]
        return Done(json_response(200, {"requests": made, "actions": []}))

    def detail(self, asked: Asked) -> Done:
        """Tell how far one change is."""
        order, change = self._find(asked)
        return Done(json_response(200, detail_json(change, self._account, order.order_id)))

    def retry(self, asked: Asked) -> Done:
        """Carry on with a change that is stuck."""
        order, change = self._find(asked)
        self._changing.retry(order, change, asked.now)
        return Done(Response(204), effect=True)

    def cancel(self, asked: Asked) -> Done:
        """Give up a change that is stuck."""
        _, change = self._find(asked)
        reason = bodies.text(bodies.read_object(asked.request), "reason")
        self._changing.give_up(change, reason, asked.now)
        return Done(Response(200), effect=True)

    def get_settings(self, asked: Asked) -> Done:
        """Show the account's settings."""
        self._require_account(asked, "an")
        return Done(json_response(200, self._settings))

    def set_settings(self, asked: Asked) -> Done:
        """Change the account's settings; what is not named stays."""
        self._require_account(asked, "an")
        for name, value in bodies.read_object(asked.request).items():
            if not isinstance(value, dict):
                raise bodies.bad_body(f"The field {name} must be an object")
            self._settings[name] = {**self._settings.get(name, {}), **value}
        return Done(json_response(200, self._settings), effect=True)

    def _find(self, asked: Asked) -> tuple[Order, Change]:
        self._require_account(asked, "an")
        order = self._oms.require(asked.names["order_id"])
        request_id = asked.names["request_id"]
        for change in order.changes:
            if change.request_id == request_id and change.version == 2:
                return order, change
        raise refused("CHK0289", f"Change order request {request_id} not found.", 404)

    def _require_account(self, asked: Asked, parameter: str) -> None:
        """Refuse a call whose query does not name the account, by the name that its route wants."""
        if asked.request.parameters().get(parameter) != self._account:
            raise bodies.bad_body(f"The parameter {parameter} must name the account")
