"""ERPs behind the adapter `webhook`: answers of any kind, and the receiver of the docs."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from support.event_receiver import Behaviour
from support.waiting import until

from orders_sync.embedded.broker import free_port
from orders_sync.listening import is_listening

FOLDER: Final = Path(__file__).parents[2] / "docs" / "webhook-erp"
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq="
NEW_SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDC2FVsBQIhrs="


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


@dataclass
class Books:
    """The receiver of the docs, as it runs, and what it wrote down."""

    url: str
    folder: Path

    def ask(self, statement: str, *values: Any) -> list[Any]:
        """Query the receiver's own database."""
        with closing(sqlite3.connect(self.folder / "erp.sqlite3", timeout=30)) as erp, erp:
            return erp.execute(statement, values).fetchall()

    def orders(self, order_id: str) -> list[tuple[str, Mapping[str, Any] | None]]:
        """Return state and message of each row of an order."""
        rows = self.ask("SELECT state, body FROM orders WHERE id = ?", order_id)
        return [(state, json.loads(body) if body else None) for state, body in rows]


@contextmanager
def running_receiver(folder: Path, secret: str = SECRET) -> Iterator[Books]:
    """Run the receiver of the docs by the command that they give."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "receiver:app", f"--app-dir={FOLDER}"]
    process = subprocess.Popen(
        [*command, f"--port={port}", "--log-level=error"],
        cwd=folder,
        env={**os.environ, "ERP_SECRET": secret},  # noqa: TID251 - another program's environment.
    )
    try:
        until(lambda: is_listening("127.0.0.1", port), "the receiver listens")
        yield Books(f"http://127.0.0.1:{port}/", folder)
    finally:
        process.terminate()
        process.wait()


#: What goes wrong with a reply that the receiver gave, and that has had its effect.
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


@dataclass
class Way:
    """What stands between an adapter and a receiver; while it has a `fault`, all are spoilt."""

    url: str = ""
    fault: Behaviour | None = None

    @contextmanager
    def spoilt(self, fault: Behaviour) -> Iterator[None]:
        """Spoil whatever comes back, for as long as the block lasts."""
        self.fault = fault
        yield
        self.fault = None


@contextmanager
def faulty_way_to(url: str, *, seed: int = 1, share: float = 0.0) -> Iterator[Way]:
    """Stand between an adapter and a receiver, and spoil a share of what comes back.

    Of what is spoilt some never reached the receiver, which is told by 503.
    """
    way = Way()
    draw, lock = random.Random(seed), threading.Lock()
    host = url.removeprefix("http://").rstrip("/")

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
            body = self.rfile.read(int(self.headers["Content-Length"]))
            passes, fault = choose()
            if not passes:
                assert fault is not None
                fault(self)
                return
            status, reply = _pass_on(host, body, dict(self.headers.items()))
            (fault or say(reply, status))(self)

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


def _pass_on(host: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request("POST", "/", body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
