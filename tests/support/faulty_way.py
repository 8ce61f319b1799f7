"""What stands between an adapter and an ERP behind HTTP, and spoils what comes back."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from support.event_receiver import Behaviour


def say(body: Any, status: int = 200, **headers: str) -> Behaviour:
    """Answer with a body: text and bytes as they are, all else as JSON."""
    if isinstance(body, bytes):
        content = body
    else:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing at all."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Answer the half of a reference."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b'{"reference": "SO-1"')
    hang_up(handler)


def stall(handler: BaseHTTPRequestHandler) -> None:
    """Answer nothing until nobody waits for it any more."""
    handler.connection.recv(1)
    handler.close_connection = True


def lie(handler: BaseHTTPRequestHandler) -> None:
    """Answer as a proxy's page of an error does that says it was well."""
    say("<html>Everything is fine</html>")(handler)


#: What goes wrong with an answer that the ERP gave, and that has had its effect.
FAULTS: Final[tuple[Behaviour, ...]] = (
    hang_up,
    stall,
    cut,
    lie,
    say({"reference": ""}),
    say("", 500),
    say("", 504),
    say("", 302, Location="/elsewhere"),
)


class Way:
    """What stands between an adapter and an ERP; while it has a `fault`, all answers are spoilt."""

    def __init__(self, url: str) -> None:
        self.url = ""
        self.fault: Behaviour | None = None
        self._host = url.removeprefix("http://").rstrip("/")
        self._under_way = 0
        self._arrived = threading.Condition()

    @contextmanager
    def spoilt(self, fault: Behaviour) -> Iterator[None]:
        """Spoil whatever comes back, until the block ends and all that passed had its effect."""
        self.fault = fault
        yield
        self.fault = None
        with self._arrived:
            self._arrived.wait_for(lambda: not self._under_way)

    def pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        """Ask the ERP what the adapter asked; return the status and the body of its answer."""
        connection = http.client.HTTPConnection(self._host, timeout=60)
        with self._arrived:
            self._under_way += 1
        try:
            headers = dict(handler.headers.items())
            connection.request(handler.command, handler.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
            with self._arrived:
                self._under_way -= 1
                self._arrived.notify_all()


@contextmanager
def faulty_way_to(url: str, *, seed: int = 1, share: float = 0.0) -> Iterator[Way]:
    """Stand between an adapter and an ERP, and spoil a share of what comes back.

    Of what is spoilt some never reached the ERP, which is told by 503.
    """
    way = Way(url)
    draw, lock = random.Random(seed), threading.Lock()

    def choose() -> tuple[bool, Behaviour | None]:
        with lock:
            if way.fault is not None:
                return True, way.fault
            if draw.random() >= share:
                return True, None
            return (False, say("", 503)) if draw.random() < 0.2 else (True, draw.choice(FAULTS))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            passes, fault = choose()
            if not passes:
                assert fault is not None
                fault(self)
                return
            status, answer = way.pass_on(self, body)
            (fault or say(answer, status))(self)

        def do_GET(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        way.url = f"http://127.0.0.1:{server.server_port}/"
        yield way
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
