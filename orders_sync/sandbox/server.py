"""The sandbox over HTTP: the box and its admin API on one port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orders_sync.listening import listen, url_of
from orders_sync.sandbox.admin import ADMIN_PATH, Admin
from orders_sync.sandbox.box import Box
from orders_sync.sandbox.posting import posting
from orders_sync.sandbox.wire import Dropped, Request, Response

_ABORT: Final = "orders_sync.abort"
_GRACE_SECONDS: Final = 1
_START_SECONDS: Final = 10.0


def serve(box: Box, host: str, port: int, ready: Callable[[str], object] | None = None) -> None:
    """Serve the box until SIGTERM or SIGINT; port 0 takes a free one.

    `ready` is called with the base URL once requests are answered. Raises OSError where the port
    is taken.
    """
    listener = listen(host, port)
    with posting(box):
        _Server(box, ready, url_of(listener)).run(sockets=[listener])


@contextlib.contextmanager
def serving(box: Box, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve the box from a thread, for as long as the block lasts; gives the base URL."""
    started = threading.Event()
    listener = listen(host, 0)
    server = _Server(box, lambda _: started.set(), url_of(listener))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        if not started.wait(_START_SECONDS):
            raise TimeoutError(f"the sandbox did not start within {_START_SECONDS:.0f} s")
        with posting(box):
            yield server.url
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """Uvicorn, which says when it is ready and leaves a signal's process alive."""

    def __init__(self, box: Box, ready: Callable[[str], object] | None, url: str) -> None:
        super().__init__(
            uvicorn.Config(
                _application(box),
                http=_AbortableProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="error",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self.url = url
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None:
            self._ready(self.url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - Uvicorn's.
        self.should_exit = True


class _AbortableProtocol(HttpToolsProtocol):
    """Lets the application cut the connection that a request came on."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][_ABORT] = self.transport.abort


def _application(box: Box) -> Callable[[Any, Any, Any], Any]:
    admin = Admin(box)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        request = await _read(scope, receive)
        desk = admin if request.path.startswith(ADMIN_PATH) else box
        answer = desk.handle(request)
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        if isinstance(answer, Dropped):
            await _cut(scope, receive)
        else:
            await _write(answer, send)

    return application


async def _cut(scope: Any, receive: Any) -> None:
    scope["state"][_ABORT]()
    # Uvicorn complains of a missing answer unless it knows by then that nobody waits for it.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(scope: Any, receive: Any) -> Request:
    body, more = b"", scope["method"] not in {"GET", "HEAD"}
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("ascii"),
        query=scope["query_string"].decode("ascii"),
        headers={name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]},
        body=body,
    )


async def _write(answer: Response, send: Any) -> None:
    headers = [(name.encode(), text.encode("latin-1")) for name, text in answer.headers.items()]
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
