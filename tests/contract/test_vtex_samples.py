"""Every sample that the client must read, against VTEX's own OpenAPI document."""

from __future__ import annotations

from typing import Final

import pytest
from unit.vtex.openapi import Vtex, load
from unit.vtex.recording import sample

_OMS = "/api/oms/pvt/orders"
_CHANGES = "/api/order-system/orders/{changeOrderId}/changes"

#: sample: VTEX's operation, what its document has against the sample, and why it is right.
SAMPLES: Final[dict[str, tuple[str, set[str], str]]] = {
    "feed": ("GET /api/orders/feed", set(), ""),
    "feed-empty": ("GET /api/orders/feed", set(), ""),
    "feed-configuration": ("GET /api/orders/feed/config", set(), ""),
    "handling-started-204": (f"POST {_OMS}/{{orderId}}/start-handling", set(), ""),
    "wrong-status-409": (f"POST {_OMS}/{{orderId}}/start-handling", set(), ""),
    "unauthorized-401": (f"POST {_OMS}/{{orderId}}/start-handling", set(), ""),
    "order-group": (
        f"GET {_OMS}/order-group/{{orderGroup}}",
        {"$[].status type"},
        "An order whose workflow has not begun has no status; VTEX's guide says so.",
    ),
    "order-list": (
        f"GET {_OMS}",
        {"$.stats.stats required", "$.list[].totalValue type"},
        "The figures are not read; the index keeps sums as floats, as a known issue says.",
    ),
    "invoice-receipt": (f"POST {_OMS}/{{orderId}}/invoice", set(), ""),
    "cancel-receipt-null": (
        f"POST {_OMS}/{{orderId}}/cancel",
        {"$.receipt type"},
        "The document's own text says that the receipt may be null.",
    ),
    "change-accepted-202": (
        f"PATCH {_CHANGES}",
        {"$.remove type"},
        "The schema has a list of texts; the history, and the text, have an object with items.",
    ),
    "change-preview": (f"POST {_CHANGES}/preview", {"$.remove type"}, "As in the accepted change."),
    "change-history": (f"GET {_CHANGES}", set(), ""),
    "change-history-empty": (f"GET {_CHANGES}", set(), ""),
    "change-preparing": (
        f"GET {_CHANGES}/{{changeRequestId}}",
        {"$.remove type"},
        "As in the accepted change.",
    ),
    "change-done": (
        f"GET {_CHANGES}/{{changeRequestId}}",
        {"$.remove type"},
        "As in the accepted change.",
    ),
    "change-canceled": (
        f"GET {_CHANGES}/{{changeRequestId}}",
        {"$.remove type"},
        "As in the accepted change.",
    ),
    "change-summary": ("GET /api/orders/pvt/document/{orderId}/change-summary", set(), ""),
    "unauthorized-401-problem": (
        "GET /api/orders/pvt/document/{orderId}/change-summary",
        set(),
        "",
    ),
    "payment-transaction": (f"GET {_OMS}/{{orderId}}/payment-transaction", set(), ""),
    "jsonata-true": ("POST /api/orders/expressions/jsonata", set(), ""),
    "jsonata-false": ("POST /api/orders/expressions/jsonata", set(), ""),
}


@pytest.fixture(scope="module")
def vtex() -> Vtex:
    return load()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_valid_by_vtexs_document(vtex: Vtex, name: str) -> None:
    operation, deviations, _ = SAMPLES[name]

    assert vtex.response_problems(operation, sample(name)) == deviations


def test_every_deviation_of_a_sample_has_its_reason() -> None:
    reasoned = {name for name, (_, _, reason) in SAMPLES.items() if reason.endswith(".")}

    assert reasoned == {name for name, (_, deviations, _) in SAMPLES.items() if deviations}
