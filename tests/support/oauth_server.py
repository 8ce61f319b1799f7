"""An OAuth server on loopback whose refresh tokens change with each use, and may not be used twice.

As the strictest do, it ends all tokens of whoever uses one twice:
https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import requests

from orders_sync.erp.tokens import Tokens
from orders_sync.errors import ErpRefused, ErpUnavailable
from orders_sync.testing.clock import SettableClock


class OAuthServer:
    """What the server knows; `before_answer` happens once a token was used, before it is told."""

    def __init__(self) -> None:
        self.valid = "refresh-0"
        self.used: list[str] = []
        self.reused: list[str] = []
        self.lasts = 3600
        self.before_answer: Callable[[], None] = lambda: None
        self._numbers = count(1)
        self._lock = threading.Lock()

    def renew(self, refresh_token: str) -> dict[str, Any] | None:
        with self._lock:
            if refresh_token != self.valid:
                self.reused.append(refresh_token)
                self.valid = ""
                return None
            number = next(self._numbers)
            self.used.append(refresh_token)
            self.valid = f"refresh-{number}"
        self.before_answer()
        return {
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_in": self.lasts,
        }


@contextmanager
def serving_oauth(server: OAuthServer) -> Iterator[str]:
    """Serve it; gives the address of its tokens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            form = parse_qs(self.rfile.read(length).decode())
            answer = server.renew(form["refresh_token"][0])
            body = json.dumps(answer or {"error": "invalid_grant"}).encode()
            self.send_response(200 if answer else 400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/token"
    finally:
        http.shutdown()
        http.server_close()


def refresher(url: str, clock: Callable[[], Any] | None = None) -> Callable[[Tokens], Tokens]:
    """Return what an adapter renews its tokens with."""
    now = clock or SettableClock()

    def refresh(tokens: Tokens) -> Tokens:
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        try:
            answer = requests.post(url, data=form, timeout=10)
        except requests.ConnectionError as error:
            raise ErpUnavailable("the OAuth server is away") from error
        if answer.status_code == 400:
            raise ErpRefused("invalid_grant")
        return Tokens.from_answer(answer.json(), now=now())

    return refresh
