"""A real HTTP server that endpoints' events are sent to, which behaves as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import standardwebhooks

#: What answers a request, given the handler of it.
Behaviour = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, **headers: str) -> Behaviour:
    """Answer a status, with headers whose names are written with underscores."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


class Receiver:
    """Keeps what it is sent; `behaviour` answers, and `hold` is for those that never end."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.behaviour: Behaviour = answer(200)
        self.hold = threading.Event()
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/events"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self.received.append(json.loads(body))
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        try:
            self.behaviour(handler)
        except (ConnectionError, ValueError):
            handler.close_connection = True
        finally:
            with self._lock:
                self.at_once -= 1

    @property
    def told(self) -> list[str]:
        """The types of the events that came, and the orders they are of."""
        return [f"{e['type']} {e['data'].get('order_id', '')}".strip() for e in self.received]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers in self.headers]

    def verify(self, secret: str, number: int = -1) -> Any:
        """Check the signature of an event as a receiver does; return the event."""
        webhook = standardwebhooks.Webhook(secret)
        return webhook.verify(self.bodies[number], self.headers[number])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def never(receiver: Receiver) -> Behaviour:
    """Answer nothing until the receiver stops."""

    def behave(_: BaseHTTPRequestHandler) -> None:
        receiver.hold.wait()

    return behave


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
