"""Changes of an order by VTEX's legacy API, for the accounts that still have it.

VTEX switched it off for most accounts on 2026-03-01, and an order that was changed by it takes
no change by the present API.
"""

from __future__ import annotations

from orders_sync.domain.fulfilment import Change, VtexReceipt
from orders_sync.vtex.change_bodies import legacy_change_body
from orders_sync.vtex.endpoints import Endpoints, segment
from orders_sync.vtex.receipts import receipt


class LegacyChangeEndpoints(Endpoints):
    """Changes that are in effect when VTEX answers, which may take 20 seconds."""

    def register_change(self, order_id: str, change: Change, request_id: str) -> VtexReceipt:
        """Change an order (RegisterChange).

        The first call with a `request_id` counts for an order; another with the same id changes
        nothing. Lines are named by SKU: `unique_id`, unit and multiplier are not sent.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/oms/pvt/orders/-orderId-/changes

        Raises:
            ParkedError: VTEX would misread the change (an item has no price, for example), so it
                was not sent.
            Refused: the order's status takes no change, or the account's legacy API is off.
        """
        operation = f"register_change {order_id}"
        path = f"/api/oms/pvt/orders/{segment(order_id, operation)}/changes"
        body = legacy_change_body(change, request_id)
        return receipt(order_id, *self._call(operation, "POST", path, payload=body))
