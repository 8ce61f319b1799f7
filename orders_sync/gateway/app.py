"""The ASGI app: its parts, its routes, and the bounds and headers of every call."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from orders_sync import __version__
from orders_sync.backoffice.parked import PutBack
from orders_sync.backoffice.waiting import Outcomes
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.errors import ConfigurationError, LedgerUnavailable
from orders_sync.gateway.commands import command_routes, order_routes
from orders_sync.gateway.context import Admission, Allowance, Context, Here
from orders_sync.gateway.desk.app import create_desk, open_desk
from orders_sync.gateway.desk.live import LiveFigures, read_figures
from orders_sync.gateway.docs import describe, docs_routes
from orders_sync.gateway.hook import hook_routes
from orders_sync.gateway.parked import parked_routes
from orders_sync.gateway.problems import ANY_CALL, add_problem_handlers, described, problem
from orders_sync.ledger import Ledger
from orders_sync.ledger.versions import require_current
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.roster import Roster

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

#: Anybody on the internet may post there; a body is kept in memory.
_BYTES_OF_ANYBODY: Final = {"/hook/": 256 * 1024, "/desk/sign-in": 16 * 1024}

_API: Final = "/api/v1"

#: JSON has blanks and escapes, which the bound of a command does not count.
_BLANKS: Final = 4


def create_app(
    roster: Roster,
    ledger: Ledger,
    *,
    clock: Clock,
    dispatch: Callable[[Sequence[Dispatch]], None],
    put_back: PutBack,
    tracing: Tracing = NO_TRACING,
    monotonic: Callable[[], float] = time.monotonic,
    live: LiveFigures | None = None,
) -> GuardedApp:
    """Return the app; `dispatch` must not wait for the broker, `live` is what the desk shows."""
    settings = roster.settings
    context = Context(
        roster=roster,
        ledger=ledger,
        clock=clock,
        outcomes=Outcomes(ledger),
        allowance=Allowance(settings.gateway.requests_per_minute, monotonic),
        dispatch=dispatch,
        put_back=put_back,
        tracing=tracing,
    )
    app = FastAPI(
        title="orders_sync",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    add_problem_handlers(app)
    api = APIRouter(prefix=_API, responses=described(*ANY_CALL))
    for routes in (command_routes(), order_routes(), parked_routes()):
        api.include_router(routes)
    app.include_router(api)
    app.include_router(docs_routes())
    app.include_router(health_routes())
    app.include_router(hook_routes(context, monotonic))
    live = live or LiveFigures(partial(read_figures, roster, ledger, clock), monotonic)
    desk, close_streams = create_desk(open_desk(context, live, monotonic))
    app.mount("/desk", desk)
    return GuardedApp(
        app,
        settings.max_command_bytes * _BLANKS,
        admit=Admission(f"{_API}/", ledger.callers, context.allowance, clock),
        close=close_streams,
    )


def health_routes() -> APIRouter:
    """Return the routes of health, which need no token."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/livez")
    async def lives() -> Response:
        return Response("ok\n", media_type="text/plain")

    @routes.get("/readyz")
    def is_ready(here: Here) -> Response:
        try:
            require_current(here.ledger.database)
        except (ConfigurationError, LedgerUnavailable):
            text = "the ledger does not answer, or must be upgraded: orders-sync doctor\n"
            return Response(text, 503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    return routes


async def _admit_all(_: Any) -> None:
    return None


class GuardedApp:
    """Admits a call and reads its body, up to a bound, before the application sees it.

    What `admit` returns for a call's scope is its answer, and none of the body is read; None lets
    it in. `close` ends the streams that are open, so that the process can end.
    """

    def __init__(
        self,
        application: Application,
        max_bytes: int,
        *,
        admit: Callable[[Any], Awaitable[Response | None]] = _admit_all,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._max_bytes = max_bytes
        self._admit = admit
        self.close = close

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer 413 to a larger body; add the headers that every answer has."""
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
            # The part of its body that arrived is not what it meant to ask for.
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
