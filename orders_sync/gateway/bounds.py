"""Bounds of what comes in, and headers of what goes out, for every path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from orders_sync.gateway.problems import problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; frame-ancestors 'none'"),
)

#: Anybody on the internet may post there, and what is read of a call is kept in memory.
_BYTES_OF_ANYBODY: Final = {"/hook/": 256 * 1024, "/desk/sign-in": 16 * 1024}


async def _anybody(_: Any) -> None:
    return None


class Bounded:
    """Reads a body of so many bytes at most before the application sees it.

    `admit` is asked before: what it returns for a call's scope is the answer, and none of the
    body is read. `close` ends the answers that go on by themselves, so that the process can end.
    """

    def __init__(
        self,
        application: Application,
        max_bytes: int,
        *,
        admit: Callable[[Any], Awaitable[Response | None]] = _anybody,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._max_bytes = max_bytes
        self._admit = admit
        self.close = close

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer 413 where a body is larger; add the headers that every answer has."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        send = _with_headers(send)
        refusal = await self._admit(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        of_anybody = [
            most for path, most in _BYTES_OF_ANYBODY.items() if scope["path"].startswith(path)
        ]
        max_bytes = min([self._max_bytes, *of_anybody])
        try:
            body = await _read(receive, max_bytes)
        except ClientDisconnect:
            # What came of its body is not what it meant to ask for.
            return
        if body is None:
            detail = f"A body may have {max_bytes} bytes."
            await problem(413, "request.too_large", detail)(scope, receive, send)
            return
        is_read = False

        async def again() -> Message:
            nonlocal is_read
            if is_read:
                return await receive()
            is_read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application(scope, again, send)


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name for name, _ in message["headers"]}
            own = [(name, value) for name, value in _HEADERS if name not in given]
            message = {**message, "headers": [*message["headers"], *own]}
        await send(message)

    return wrapped
