"""Tries out the JSONata expressions of feed and hook filters."""

from __future__ import annotations

from orders_sync.errors import Unreadable
from orders_sync.vtex.endpoints import Endpoints
from orders_sync.vtex.responses import read_json


class ExpressionEndpoints(Endpoints):
    """VTEX's own JSONata, so that a filter is known to match before it is configured."""

    def evaluate_jsonata(self, expression: str, document: str | bytes) -> bool:
        """Say whether a document matches an expression (TestJSONataExpression).

        `document` is JSON. Filters see an order as `/api/orders/pvt/document/{id}` has it, which
        is not the shape of `get_order`.

        https://developers.vtex.com/docs/api-reference/orders-api#post-/api/orders/expressions/jsonata

        Raises:
            Refused: the expression or the document cannot be parsed.
            Unreadable: the answer is neither true nor false.
        """
        text = document if isinstance(document, str) else document.decode()
        answer = self._call(
            "evaluate_jsonata",
            "POST",
            "/api/orders/expressions/jsonata",
            payload={"Expression": expression, "Document": text},
            changes_nothing=True,
        )
        found = read_json(*answer)
        if not isinstance(found, bool):
            raise Unreadable("evaluate_jsonata: the answer must be true or false and is neither.")
        return found
