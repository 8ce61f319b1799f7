from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from orders_sync.demo.played_staging import open_as_erp, read_erp
from orders_sync.demo.records import ErpOrder, ParcelEvent, SoldLine, VtexPackage
from orders_sync.demo.sandbox_api import SandboxApi, SandboxFailed
from orders_sync.erp.staging import StagingErp
from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.testing.factories import make_line, make_order

KEYS = {"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"}
FEED = {
    "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
    "queue": {"visibilityTimeoutInSeconds": 30, "MessageRetentionPeriodInSeconds": 345_600},
}


@pytest.fixture
def base_url() -> Iterator[str]:
    with serving(Box()) as url:
        yield url


@pytest.fixture
def api(base_url: str) -> Iterator[SandboxApi]:
    api = SandboxApi(base_url)
    yield api
    api.close()


def _vtex(method: str, url: str, body: object = None) -> None:
    requests.request(method, url, headers=KEYS, json=body, timeout=30).raise_for_status()


def test_a_sandbox_tells_what_it_saw_of_an_order(api: SandboxApi, base_url: str) -> None:
    _vtex("POST", f"{base_url}/api/orders/feed/config", FEED)
    api.create_orders("plain", 1)
    (before,) = api.orders()
    _vtex("POST", f"{base_url}/api/oms/pvt/orders/{before.order_id}/start-handling")

    (after,) = api.orders()

    assert (before.status, after.status) == ("ready-for-handling", "handling")
    assert before.start_handling_at == ()
    assert after.start_handling_at == (after.handling_at,)
    assert after.start_handling_effects == 1
    assert after.events_unacknowledged == 1
    assert after.ready_at is not None
    assert after.lines
    assert after.value_cents > 0


def test_a_sandbox_counts_calls_orders_and_events(api: SandboxApi, base_url: str) -> None:
    before = api.report()
    _vtex("POST", f"{base_url}/api/orders/feed/config", FEED)
    api.create_orders("plain", 2)
    api.create_orders("handled-in-admin", 1)
    _vtex("GET", f"{base_url}/api/orders/feed?maxlot=1")

    report = api.report()

    assert not before.feed_configured
    assert before.feed_is_empty
    assert report.feed_configured
    assert not report.feed_is_empty
    assert (report.orders, report.taken_over) == (3, 1)
    assert (report.feed_visible, report.feed_in_flight) == (2, 1)
    assert report.calls == {"feed_config_set": 1, "feed_read": 1}


def test_a_sandbox_tells_what_is_personal(api: SandboxApi) -> None:
    nobody = api.everything()
    api.create_orders("plain", 1)

    seen = api.everything()

    assert nobody.people == ()
    assert any("@" in text for text in seen.people)
    assert (len(seen.orders), seen.report.orders) == (1, 1)


def test_a_sandbox_tells_what_was_told_about_an_order(api: SandboxApi, base_url: str) -> None:
    api.create_orders("plain", 1)
    (order,) = api.orders()
    path = f"{base_url}/api/oms/pvt/orders/{order.order_id}"
    invoice = {
        "type": "Output",
        "issuanceDate": "2026-11-27T12:00:00Z",
        "invoiceNumber": "7",
        "invoiceValue": str(order.value_cents),
        "items": [{"id": order.lines[0].sku, "price": 1, "quantity": 1}],
        "trackingNumber": "BR7",
    }
    event = {"city": "Belém", "state": "PA", "description": "Entregue", "date": "2026-11-30"}

    _vtex("POST", f"{path}/invoice", invoice)
    _vtex("PUT", f"{path}/invoice/7/tracking", {"isDelivered": True, "events": [event]})
    _vtex("POST", f"{path}/interactions", {"source": "ERP", "message": "Olá"})

    seen = api.order(order.order_id)
    parcel = (ParcelEvent("Entregue", "Belém", "PA", "2026-11-30"),)
    assert seen.packages == (
        VtexPackage(
            "7",
            is_return=False,
            value_cents=order.value_cents,
            tracking_number="BR7",
            events=parcel,
            is_delivered=True,
        ),
    )
    assert seen.status == "invoiced"
    assert seen.notes == ("Olá",)
    assert seen.invoiced_at is not None
    assert seen.tracked_at is not None
    assert seen.invoiced_at <= seen.tracked_at
    assert (order.invoiced_at, order.tracked_at, seen.doubled) == (None, None, ())


def test_a_sandbox_that_is_gone_is_said() -> None:
    with serving(Box()) as base_url:
        api = SandboxApi(base_url)

    with pytest.raises(SandboxFailed, match="does not answer"):
        api.report()

    api.close()


def test_the_erps_tables_are_read_as_an_erp_reads_them(tmp_path: Path) -> None:
    line = make_line(0, sku="10", quantity=3, total_cents=1500)
    order = make_order(account="sandbox", order_id="1-01", lines=(line,), value_cents=1700)
    began = time.time()
    with contextlib.closing(StagingErp("sandbox", {}, tmp_path)) as erp:
        erp.place_order(order)

    (row,) = _read_erp(tmp_path)

    assert (row.order_id, row.state, row.value_cents) == ("1-01", "new", 1700)
    assert row.lines == (SoldLine(line.line_id, "10", 3, 1500),)
    assert began <= row.placed_at <= time.time()


def test_an_erp_that_was_never_given_anything_has_no_orders(tmp_path: Path) -> None:
    assert _read_erp(tmp_path) == ()


def _read_erp(home: Path) -> tuple[ErpOrder, ...]:
    engine = open_as_erp(f"sqlite:///{home / 'erp.sqlite3'}")
    try:
        return read_erp(engine)
    finally:
        engine.dispose()
