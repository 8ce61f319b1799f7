from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu import Connection

from orders_sync.embedded.broker import free_port
from orders_sync.producer import InvoiceBody, NotAcceptedError, NotSentError, Producer
from orders_sync.settings import child_environment

STORE = "mystore"
ORDER = "1172452900788-01"
EMPTY = "redis://127.0.0.1:{port}/0"

IMPORTED = """
import sys
import orders_sync.producer
print(*sorted(name for name in sys.modules if name.startswith("orders_sync.")))
"""


class Wire:
    """A broker in this process, and what was put on the intake queue."""

    def __init__(self, queue: str) -> None:
        self.queue = queue

    def message(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give the headers and the arguments by name of the next message."""
        with _connect() as connection:
            message = connection.default_channel.basic_get(self.queue)
        assert message is not None, "nothing was sent"
        raw = message.body
        args, kwargs, _ = json.loads(base64.b64decode(raw) if raw[:1] != b"[" else raw)
        assert args == []
        return message.headers, kwargs

    @property
    def is_empty(self) -> bool:
        with _connect() as connection:
            return connection.default_channel.basic_get(self.queue) is None


def _connect() -> Any:
    return Connection("memory://")  # type: ignore[no-untyped-call] # kombu has no types.


@pytest.fixture
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(f"intake {request.node.name}")


@pytest.fixture
def producer(wire: Wire) -> Iterator[Producer]:
    with Producer("memory://", queue=wire.queue) as producer:
        yield producer


@pytest.mark.parametrize(
    ("send", "task", "arguments"),
    [
        pytest.param(
            lambda it: it.invoice(STORE, ORDER, {"number": "7", "value_cents": 5}, "k"),
            "orders_sync.invoice",
            {"invoice": {"number": "7", "type": "Output", "value_cents": 5}, "key": "k"},
            id="invoice",
        ),
        pytest.param(
            lambda it: it.invoice(STORE, ORDER, InvoiceBody(number="7")),
            "orders_sync.invoice",
            {"invoice": {"number": "7", "type": "Output"}},
            id="a typed invoice",
        ),
        pytest.param(
            lambda it: it.track(STORE, ORDER, "7", {"tracking_number": "BR1"}),
            "orders_sync.track",
            {
                "invoice_number": "7",
                "tracking": {"tracking_number": "BR1", "events": [], "delivered": False},
            },
            id="track",
        ),
        pytest.param(
            lambda it: it.cancel(STORE, ORDER, "fraud"),
            "orders_sync.cancel",
            {"reason": "fraud"},
            id="cancel",
        ),
        pytest.param(
            lambda it: it.change(
                STORE,
                ORDER,
                {
                    "reason": "x",
                    "replace": [
                        {"from": [{"sku": "1", "quantity": 1}], "to": [{"sku": "2", "quantity": 1}]}
                    ],
                },
            ),
            "orders_sync.change",
            {
                "change": {
                    "reason": "x",
                    "add": [],
                    "remove": [],
                    "replace": [
                        {"from": [{"sku": "1", "quantity": 1}], "to": [{"sku": "2", "quantity": 1}]}
                    ],
                    "manual_discount_cents": 0,
                    "manual_increment_cents": 0,
                }
            },
            id="change",
        ),
        pytest.param(
            lambda it: it.deny(STORE, ORDER, "packed"),
            "orders_sync.deny",
            {"reason": "packed"},
            id="deny",
        ),
        pytest.param(
            lambda it: it.note(STORE, ORDER, "hello"),
            "orders_sync.note",
            {"message": "hello"},
            id="note",
        ),
        pytest.param(lambda it: it.sync(STORE, ORDER), "orders_sync.sync", {}, id="sync"),
    ],
)
def test_each_kind_is_sent_by_its_name_and_shows_ids_only(
    producer: Producer,
    wire: Wire,
    send: Callable[[Producer], str],
    task: str,
    arguments: dict[str, Any],
) -> None:
    task_id = send(producer)

    headers, kwargs = wire.message()
    assert (headers["task"], headers["id"]) == (task, task_id)
    assert kwargs == {"account": STORE, "order_id": ORDER, **arguments}
    assert headers["argsrepr"] == "()"
    assert headers["kwargsrepr"] == repr({"account": STORE, "order_id": ORDER})


@pytest.mark.parametrize(
    ("send", "words"),
    [
        pytest.param(
            lambda it: it.invoice(STORE, ORDER, {"numbr": "7"}),
            "number: is missing; numbr: Extra inputs are not permitted",
            id="a misspelt field",
        ),
        pytest.param(lambda it: it.invoice(STORE, ORDER, [1]), "body: ", id="no object"),
        pytest.param(
            lambda it: it.invoice(STORE, ORDER, {"number": "7", "issued_at": "2026-11-27T12:00"}),
            "issued_at: give a time with its offset",
            id="a time without a zone",
        ),
        pytest.param(
            lambda it: it.invoice(STORE, ORDER, {"number": "7", "embedded_invoice": "x" * 2**20}),
            "body: .* bytes are more than",
            id="too large",
        ),
        pytest.param(
            lambda it: it.track(STORE, ORDER, "", {"delivered": True}),
            "invoice_number: ",
            id="no invoice number",
        ),
        pytest.param(lambda it: it.cancel(STORE, ORDER, None), "reason: ", id="no reason"),
        pytest.param(lambda it: it.cancel("", ORDER, "x"), "account: must be", id="no account"),
        pytest.param(lambda it: it.cancel("a" * 101, ORDER, "x"), "may have 100", id="account"),
        pytest.param(lambda it: it.cancel(STORE, ORDER, "x", "k" * 501), "may have 500", id="key"),
        pytest.param(lambda it: it.cancel(STORE, 5, "x"), "order_id: must be", id="no text"),
        pytest.param(lambda it: it.note(STORE, ORDER, "x", key=" "), "key: must be", id="no key"),
    ],
)
def test_what_is_wrong_is_named_and_not_sent(
    producer: Producer, wire: Wire, send: Callable[[Producer], str], words: str
) -> None:
    with pytest.raises(NotAcceptedError, match=words):
        send(producer)

    assert wire.is_empty


def test_a_caller_learns_that_the_broker_is_away() -> None:
    url = EMPTY.format(port=free_port())

    with Producer(url) as producer, pytest.raises(NotSentError, match="taken for not sent"):
        producer.cancel(STORE, ORDER, "fraud")


def test_it_needs_nothing_of_orders_sync_but_what_is_pure() -> None:
    process = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        env=child_environment(),
        capture_output=True,
        check=True,
        text=True,
    )

    imported = process.stdout.split()
    assert "orders_sync.producer" in imported
    assert {name.split(".")[1] for name in imported} == {"producer", "commands", "domain"}


def test_each_kind_goes_to_a_queue_of_ours_so_that_none_delays_another() -> None:
    with Producer("memory://") as producer:
        producer.invoice(STORE, ORDER, {"number": "7"})
        producer.track(STORE, ORDER, "7", {"tracking_number": "T"})
        producer.cancel(STORE, ORDER, "out of stock")
        producer.sync(STORE, ORDER)

    sent = [
        Wire(queue).message()[0]["task"] for queue in ("invoice", "tracking", "cancel", "orders")
    ]
    assert sent == [f"orders_sync.{kind}" for kind in ("invoice", "track", "cancel", "sync")]
