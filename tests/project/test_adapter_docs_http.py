"""The HTTP example of the page for adapter authors, against an ERP that speaks HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from project import adapter_page as page
from support.faulty_way import cut, faulty_way_to, hang_up, lie, say
from support.flow import STORE, Flow

from orders_sync.errors import ConfigurationError, ErpRefused, ErpUnavailable, ItemUnmapped
from orders_sync.testing import erp_suite
from orders_sync.testing.clock import SettableClock
from orders_sync.testing.factories import make_order
from orders_sync.vtex.translate import order as read_order

HTTP = page.http_adapter()


class Acme(BaseHTTPRequestHandler):
    """Acme's API: an order is put under its id once, and can be deleted, also before it is put."""

    server: AcmeServer

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(json.loads(body))
            self.server.states.setdefault(self._order_id, "placed")
        self._answer({"number": f"A-{self._order_id}"})

    def do_DELETE(self) -> None:
        with self.server.lock:
            known = self._order_id in self.server.states
            self.server.states[self._order_id] = "cancelled"
        self._answer({"state": "cancelled" if known else "unknown"})

    def do_GET(self) -> None:
        self._answer({})

    @property
    def _order_id(self) -> str:
        return unquote(self.path.rpartition("/")[2])

    def _answer(self, document: dict[str, Any]) -> None:
        body = json.dumps(self.server.problem or document).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class AcmeServer(ThreadingHTTPServer):
    """What Acme remembers, and what it answers; a problem is told in place of the answer."""

    status = 200
    problem: dict[str, Any] | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Acme)
        self.lock = threading.Lock()
        self.states: dict[str, str] = {}
        self.bodies: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[AcmeServer]:
    with AcmeServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def acme() -> Iterator[AcmeServer]:
    with serving() as server:
        yield server


@pytest.fixture
def erp(acme: AcmeServer, tmp_path: Path) -> Iterator[Any]:
    with closing(HTTP.AcmeHttpErp("mystore", {"url": acme.url}, tmp_path)) as erp:
        yield erp


class TestAcmeHttpErp(erp_suite.ErpSuite):
    @pytest.fixture(autouse=True)
    def _way_to(self, acme: AcmeServer) -> Iterator[None]:
        self.server = acme
        with faulty_way_to(acme.url) as self.way:
            yield

    def create(self, home: Path) -> Any:
        options = {"url": self.way.url.rstrip("/"), "token": "secret"}
        return HTTP.AcmeHttpErp("mystore", options, home)

    def troubles(self, home: Path) -> Iterator[AbstractContextManager[None]]:
        del home
        yield from map(self.way.spoilt, (hang_up, cut, lie, say("", 503)))

    def fulfils(self, home: Path, order_id: str) -> bool:
        del home
        return self.server.states[order_id] != "cancelled"

    def placed_count(self, home: Path, order_id: str) -> int:
        del home
        return int(order_id in self.server.states)


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [
        pytest.param(401, {"code": "KEY"}, ErpUnavailable, id="refused key"),
        pytest.param(429, {"code": "BUSY"}, ErpUnavailable, id="too busy"),
        pytest.param(503, {"code": "DOWN"}, ErpUnavailable, id="down"),
        pytest.param(409, {"code": "CREDIT", "text": "Maria"}, ErpRefused, id="refused"),
        pytest.param(422, {"sku": "881234"}, ItemUnmapped, id="no product"),
    ],
)
def test_an_answer_becomes_the_error_of_the_pages_table(
    status: int, problem: dict[str, Any], expected: type[Exception], acme: AcmeServer, erp: Any
) -> None:
    acme.status, acme.problem = status, problem

    with pytest.raises(expected) as raised:
        erp.place_order(make_order())

    assert "Maria" not in str(raised.value)


def test_an_acme_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    with (
        closing(HTTP.AcmeHttpErp("mystore", {"url": f"http://127.0.0.1:{port}"}, tmp_path)) as erp,
        pytest.raises(ErpUnavailable, match="does not answer"),
    ):
        erp.check()


def test_the_constructor_names_a_missing_option_and_does_not_connect(tmp_path: Path) -> None:
    HTTP.AcmeHttpErp("mystore", {"url": "http://acme.invalid"}, tmp_path).close()

    with pytest.raises(ConfigurationError, match="url is missing; give "):
        HTTP.AcmeHttpErp("mystore", {}, tmp_path)


def test_the_options_that_the_page_sets_are_those_it_knows() -> None:
    [setting] = page.blocks("Over HTTP: options, errors, time-outs, connections", "sh")
    options = json.loads(setting.partition("ERP_OPTIONS='")[2].rpartition("'")[0])

    assert set(options) == HTTP.AcmeHttpErp.known_options


def test_an_order_as_the_page_writes_it_adds_up_to_the_cent(
    acme: AcmeServer, erp: Any, tmp_path: Path, clock: SettableClock
) -> None:
    with closing(Flow(tmp_path, clock)) as flow:
        vtex = flow.services.vtex(STORE)
        orders = [read_order(STORE, vtex.get_order(it)) for it in flow.box.create_orders(20)]

    for order in orders:
        erp.place_order(order)

    for order, body in zip(orders, acme.bodies, strict=True):
        parts = ("total", "tax", "services")
        lines = sum(Decimal(line[part]) for line in body["lines"] for part in parts)
        extra = order.reckoning.other_cents + order.reckoning.difference_cents
        rest = Decimal(body["shipping"]) + Decimal(extra) / 100
        assert Decimal(body["total"]) == lines + rest
        assert body["ordered_at"].endswith("-03:00")
        assert [line["carrier"] for line in body["lines"]] == [
            delivery.company for delivery in order.deliveries
        ]
