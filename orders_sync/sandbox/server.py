"""The sandbox over HTTP, its posts to hooks too, and as a transport adapter without a network."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import RemoteDisconnected, responses
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
import uvicorn
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orders_sync.listening import listen, url_of
from orders_sync.sandbox.admin import ADMIN_PATH, Admin
from orders_sync.sandbox.box import Box
from orders_sync.sandbox.hook_operations import QueuedPost
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
                http=AbortableProtocol,
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


class AbortableProtocol(HttpToolsProtocol):
    """Lets the application cut the connection that a request came on."""

    def on_message_begin(self) -> None:
        """Keep the way to cut it."""
        super().on_message_begin()
        self.scope["state"][_ABORT] = self.transport.abort


def _application(box: Box) -> Callable[[Any, Any, Any], Any]:
    admin = Admin(box)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        request = await read(scope, receive)
        desk = admin if request.path.startswith(ADMIN_PATH) else box
        answer = desk.handle(request)
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        if isinstance(answer, Dropped):
            await cut(scope, receive)
        else:
            await write(answer, send)

    return application


async def cut(scope: Any, receive: Any) -> None:
    """Cut the connection that a request came on."""
    scope["state"][_ABORT]()
    # Uvicorn complains of a missing answer unless it knows by then that nobody waits for it.
    while (await receive())["type"] != "http.disconnect":
        pass


async def read(scope: Any, receive: Any) -> Request:
    """Read a request."""
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


async def write(answer: Response, send: Any) -> None:
    """Send a response."""
    headers = [(name.encode(), text.encode("latin-1")) for name, text in answer.headers.items()]
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


class SandboxAdapter(HTTPAdapter):
    """Every request enters the box: `RequestsTransport(url, adapter=SandboxAdapter(box))`.

    A session may mount it for a URL prefix. Latency is handed to `sleep`, which by
    default does not wait; one that is longer than the read time-out raises `requests.ReadTimeout`.
    A connection that is cut raises `requests.ConnectionError`, before and after the effect alike.
    """

    def __init__(self, box: Box, sleep: Callable[[float], object] = lambda _: None) -> None:
        super().__init__()
        self._box = box
        self._admin = Admin(box)
        self._sleep = sleep

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - requests calls it so.
        timeout: Any = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002 - requests calls it so.
        cert: Any = None,  # noqa: ARG002 - requests calls it so.
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - requests calls it so.
    ) -> requests.Response:
        """Answer by the box."""
        asked = _request_of(request)
        desk = self._admin if asked.path.startswith(ADMIN_PATH) else self._box
        answer = desk.handle(asked)
        self._wait(answer.delay_seconds, timeout, request)
        if isinstance(answer, Dropped):
            gone = RemoteDisconnected("Remote end closed connection without response")
            cut = ProtocolError("Connection aborted.", gone)
            raise requests.ConnectionError(cut, request=request)
        response = self.build_response(request, _raw(answer))
        if not stream:
            response.content  # noqa: B018 - Reading the body is what makes it stay.
        return response

    def _wait(self, delay: float, timeout: Any, request: requests.PreparedRequest) -> None:
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        if patience is not None and delay > patience:
            self._sleep(patience)
            raise requests.ReadTimeout("Read timed out.", request=request)
        self._sleep(delay)


def _request_of(request: requests.PreparedRequest) -> Request:
    url = urlsplit(request.url or "")
    body = request.body or b""
    return Request(
        method=request.method or "GET",
        path=str(url.path),
        query=str(url.query),
        headers={name.lower(): str(value) for name, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _raw(answer: Response) -> HTTPResponse:
    return HTTPResponse(
        body=io.BytesIO(answer.body),
        headers={**answer.headers, "content-length": str(len(answer.body))},
        status=answer.status,
        reason=responses.get(answer.status),
        preload_content=False,
    )


_AT_ONCE: Final = 16
_LOOK_SECONDS: Final = 0.02
_REST_SECONDS: Final = 0.25


@contextmanager
def posting(box: Box) -> Iterator[None]:
    """Post to the box's hooks for as long as the block lasts."""
    stopped = threading.Event()
    http = urllib3.PoolManager(maxsize=_AT_ONCE)

    def send(post: QueuedPost) -> bool:
        try:
            answer = http.request(
                "POST",
                post.url,
                body=post.body,
                headers={**post.headers, "Content-Type": "application/json"},
                timeout=urllib3.Timeout(total=box.dials.hook_answer_seconds),
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return False
        return answer.status == 200

    def deliver(post: QueuedPost) -> None:
        box.posted(post, is_taken=not stopped.is_set() and send(post))

    def run() -> None:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            seconds = _LOOK_SECONDS
            while not stopped.wait(seconds):
                posts = box.take_posts()
                seconds = _REST_SECONDS if posts is None else _LOOK_SECONDS
                for post in posts or ():
                    threads.submit(deliver, post)

    box.post_with(send)
    thread = threading.Thread(target=run, name="posting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        http.clear()


@contextmanager
def ordering(box: Box, every_seconds: float) -> Iterator[None]:
    """Create an order every so many seconds for as long as the block lasts."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(every_seconds):
            box.create_orders(1)

    thread = threading.Thread(target=run, name="ordering", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
