from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.metrics.reading import scrape

from orders_sync.errors import OrdersSyncError, OutcomeUnknown, Unavailable, Unreadable
from orders_sync.metrics import Metrics
from orders_sync.metrics.observer import ObservedTransport
from orders_sync.vtex.exchange import Request, Response

ORDER = "1172452900788-01"


class Answering:
    """A transport that always gives the same."""

    def __init__(self, answer: Response | OrdersSyncError) -> None:
        self.answer = answer

    def send(self, request: Request) -> Response:  # noqa: ARG002 - it is the same for all.
        if isinstance(self.answer, OrdersSyncError):
            raise self.answer
        return self.answer


def observed(metrics: Metrics, answer: Response | OrdersSyncError) -> ObservedTransport:
    ticks: Iterator[float] = iter((10.0, 12.5))
    return ObservedTransport(
        Answering(answer), "shop", metrics, timer=lambda: next(ticks), clock=lambda: 1000.0
    )


def labels_of(metrics: Metrics, name: str) -> list[dict[str, str]]:
    return [dict(labels) for found, labels in scrape(metrics.registry) if found == name]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        pytest.param(200, "2xx", id="a success"),
        pytest.param(204, "2xx", id="a success without a body"),
        pytest.param(302, "3xx", id="a redirect"),
        pytest.param(400, "4xx", id="a refusal"),
        pytest.param(401, "401", id="no credentials"),
        pytest.param(403, "403", id="no permission"),
        pytest.param(404, "404", id="not found"),
        pytest.param(429, "429", id="too many calls"),
        pytest.param(503, "5xx", id="a server's error"),
    ],
)
def test_an_answer_is_counted_by_its_status(metrics: Metrics, status: int, outcome: str) -> None:
    request = Request("GET", f"/api/oms/pvt/orders/{ORDER}", operation=f"get_order {ORDER}")

    response = observed(metrics, Response(status)).send(request)

    (labels,) = labels_of(metrics, "orders_sync_vtex_calls_total")
    assert response.status == status
    assert labels == {"account": "shop", "endpoint": "get_order", "outcome": outcome}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(Unavailable("no"), "unavailable", id="not taken"),
        pytest.param(OutcomeUnknown("?"), "outcome_unknown", id="answer lost"),
        pytest.param(Unreadable("too large"), "unreadable", id="too large"),
        pytest.param(OrdersSyncError("x"), "OrdersSyncError", id="any other"),
    ],
)
def test_an_error_is_counted_by_its_kind_and_passes_through(
    metrics: Metrics, error: OrdersSyncError, outcome: str
) -> None:
    transport = observed(metrics, error)

    with pytest.raises(type(error)):
        transport.send(Request("POST", "/x", operation=f"start_handling {ORDER}"))

    (labels,) = labels_of(metrics, "orders_sync_vtex_calls_total")
    assert labels["outcome"] == outcome


def test_a_call_is_measured_and_an_order_is_never_named(metrics: Metrics) -> None:
    transport = observed(metrics, Response(200))

    transport.send(Request("GET", f"/x/{ORDER}", {"q": ORDER}, operation=f"get_order {ORDER}"))

    found = scrape(metrics.registry)
    sums = [value for (name, _), value in found.items() if name.endswith("call_seconds_sum")]
    assert sums == [2.5]
    assert ORDER not in str(found)


def test_a_call_without_a_name_is_counted_as_any_other(metrics: Metrics) -> None:
    observed(metrics, Response(200)).send(Request("GET", f"/x/{ORDER}"))

    (labels,) = labels_of(metrics, "orders_sync_vtex_calls_total")
    assert labels["endpoint"] == "other"
