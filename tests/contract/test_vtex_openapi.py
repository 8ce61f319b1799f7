"""The examples in VTEX's own OpenAPI document, read as the client reads answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from unit.vtex.openapi import Vtex, load
from unit.vtex.recording import client_of

from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.exchange import Response
from orders_sync.vtex.feed import event, feed_configuration
from orders_sync.vtex.translate import fulfilment, order


@pytest.fixture(scope="module")
def vtex() -> Vtex:
    return load()


def example(vtex: Vtex, operation: str, status: str = "200") -> Any:
    (content,) = vtex.operation(operation)["responses"][status]["content"].values()
    return content["example"]


def answering(vtex: Vtex, operation: str, status: str = "200") -> VtexClient:
    body = json.dumps(example(vtex, operation, status)).encode()
    return client_of(Response(int(status), {}, body))[0]


def test_vtexs_example_of_an_order_is_read(vtex: Vtex) -> None:
    document = json.dumps(example(vtex, "GET /api/oms/pvt/orders/{orderId}")).encode()

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


def test_vtexs_example_of_an_order_shows_its_fulfilment(vtex: Vtex) -> None:
    document = json.dumps(example(vtex, "GET /api/oms/pvt/orders/{orderId}")).encode()

    found = fulfilment(document)

    (package,), (change,) = found.packages, found.changes
    assert (package.invoice_number, package.type, package.value_cents) == ("24382", "Input", 1015)
    assert (package.tracking_number, package.is_finished) == ("TRK-48960684", True)
    assert package.events[0].created_at == datetime(2024, 2, 13, 10, 12, 55, 532268, tzinfo=UTC)
    assert (change.discount_cents, change.removed[0].sku) == (3290, "1234568358")
    assert found.cancellation_requested_by_seller is False
    assert found.allows_cancellation


def test_vtexs_examples_of_the_feed_are_read(vtex: Vtex) -> None:
    (item,) = example(vtex, "GET /api/orders/feed")
    configuration = feed_configuration(example(vtex, "GET /api/orders/feed/config"))

    assert event(item).handle == item["handle"]
    assert configuration is not None
    assert (configuration.queue.retention_seconds, configuration.quantity) == (345_600, 127)


def test_vtexs_example_of_the_list_is_read(vtex: Vtex) -> None:
    operation = "GET /api/oms/pvt/orders"

    page = answering(vtex, operation).list_orders()

    assert page.paging.total == example(vtex, operation)["paging"]["total"]
    assert (page.rows[0].order_id, page.rows[0].total_value) == ("1306331686122-01", 7453)


def test_vtexs_examples_of_changes_are_read(vtex: Vtex) -> None:
    changes = "GET /api/order-system/orders/{changeOrderId}/changes"

    (past,) = answering(vtex, changes).get_change_history("1-01")
    detail = f"{changes}/{{changeRequestId}}"
    state = answering(vtex, detail).get_change_detail("1-01", "R1")

    assert past.request_id == state.request_id == "e8532a32-7f7e-434a-88ec-29609f0ede46"
    assert (state.is_finished, state.is_done) == (True, True)
