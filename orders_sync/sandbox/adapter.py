"""The sandbox as a transport adapter of `requests`, without a network."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from http.client import RemoteDisconnected, responses
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from orders_sync.sandbox.admin import ADMIN_PATH, Admin
from orders_sync.sandbox.box import Box
from orders_sync.sandbox.wire import Dropped, Request, Response


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
        """Let the box answer."""
        asked = _read(request)
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


def _read(request: requests.PreparedRequest) -> Request:
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
