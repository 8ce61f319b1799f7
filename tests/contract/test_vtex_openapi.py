"""What the client sends and reads, against VTEX's own OpenAPI document.

The document lies beside the repository, in `shared/vtex/openapi`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.exchange import Request, Response
from orders_sync.vtex.schemas import FeedConfiguration
from orders_sync.vtex.translate import event, feed_configuration, order

DOCUMENT = Path(__file__).parents[3] / "shared" / "vtex" / "openapi" / "orders.json"

WANTED = FeedConfiguration.from_workflow(
    ["ready-for-handling"], visibility_seconds=240, retention_seconds=345_600
)


class Recorder:
    """A transport that accepts everything and keeps the request."""

    def __init__(self) -> None:
        self.request: Request | None = None

    def send(self, request: Request) -> Response:
        self.request = request
        return Response(204)


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    if not DOCUMENT.exists():
        reason = "VTEX's OpenAPI document is not beside the repository."
        if os.environ.get("CI") == "true":  # noqa: TID251 - only CI knows that it is CI.
            pytest.fail(reason)
        pytest.skip(reason)
    found: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    return found


def example(openapi: dict[str, Any], path: str) -> Any:
    answer = openapi["paths"][path]["get"]["responses"]["200"]
    return answer["content"]["application/json"]["example"]


def operation_of(openapi: dict[str, Any], request: Request) -> dict[str, Any]:
    for template, operations in openapi["paths"].items():
        pattern = re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, request.path) and request.method.lower() in operations:
            found: dict[str, Any] = operations[request.method.lower()]
            return found
    pytest.fail(f"VTEX documents no {request.method} {request.path}.")


@pytest.mark.parametrize(
    ("call", "operation_id"),
    [
        pytest.param(lambda c: c.get_feed(), "Getfeedorderstatus1", id="get feed"),
        pytest.param(lambda c: c.commit_feed(["h"]), "Commititemfeedorderstatus", id="commit feed"),
        pytest.param(
            lambda c: c.get_feed_configuration(), "GetFeedConfiguration", id="get configuration"
        ),
        pytest.param(
            lambda c: c.set_feed_configuration(WANTED), "FeedConfiguration", id="set configuration"
        ),
        pytest.param(
            lambda c: c.delete_feed_configuration(),
            "FeedConfigurationDelete",
            id="delete configuration",
        ),
        pytest.param(lambda c: c.get_order("1-01"), "GetOrder", id="get order"),
        pytest.param(lambda c: c.start_handling("1-01"), "StartHandling", id="start handling"),
    ],
)
def test_every_request_is_one_that_vtex_documents(
    openapi: dict[str, Any], call: Callable[[VtexClient], Any], operation_id: str
) -> None:
    recorder = Recorder()
    client = VtexClient("mystore", recorder, Credentials(SecretStr("key"), SecretStr("token")))

    try:
        call(client)
    except Exception:  # noqa: BLE001 - only the request is of interest here.
        assert recorder.request is not None

    assert recorder.request is not None
    operation = operation_of(openapi, recorder.request)
    assert operation["operationId"] == operation_id
    required = {(p["in"], p["name"]) for p in operation["parameters"] if p["required"]}
    sent = {("query", name) for name in recorder.request.query}
    sent |= {("header", name) for name in recorder.request.headers}
    assert required - {("path", "orderId")} <= sent


def test_a_requests_body_has_the_fields_that_vtex_documents(openapi: dict[str, Any]) -> None:
    operation = openapi["paths"]["/api/orders/feed/config"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]

    assert WANTED.to_wire().keys() <= schema["properties"].keys()
    assert set(schema.get("required", ())) <= WANTED.to_wire().keys()


def test_vtexs_example_of_an_order_is_read(openapi: dict[str, Any]) -> None:
    document = json.dumps(example(openapi, "/api/oms/pvt/orders/{orderId}")).encode()

    found = order("luxstore", document)

    assert (found.order_id, found.status, found.is_completed) == (
        "1172452900788-01",
        "handling",
        True,
    )
    assert (found.value_cents, found.currency, found.origin) == (1160, "BRL", "Marketplace")
    assert (found.totals.items_cents, found.totals.shipping_cents) == (99, 300)
    assert found.lines[0].line_id == "94913BB553334977BFD669A24E678C69"
    assert (found.lines[0].ref_id, found.lines[0].total_cents) == ("BIGBML", 990)
    assert found.deliveries[0].warehouse_id == "warehouse_68d7"
    assert (found.payments[0].group, found.payments[0].value_cents) == ("creditCard", 3990)
    assert found.address is not None
    assert found.created_at is not None
    assert found.document == document


def test_vtexs_examples_of_the_feed_are_read(openapi: dict[str, Any]) -> None:
    (item,) = example(openapi, "/api/orders/feed")
    configuration = feed_configuration(example(openapi, "/api/orders/feed/config"))

    assert event(item).handle == item["handle"]
    assert configuration is not None
    assert (configuration.queue.retention_seconds, configuration.quantity) == (345_600, 127)
