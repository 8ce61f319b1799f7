"""`orders-sync serve`: the gateway over HTTP, and steps sent to the broker in the background."""

from __future__ import annotations

import gc
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from orders_sync.backoffice.parked import ReturnRoute
from orders_sync.bootstrap import connect_tracing, process_name
from orders_sync.domain.steps import Dispatch
from orders_sync.embedded.broker import with_broker
from orders_sync.errors import ConfigurationError
from orders_sync.gateway.app import Application, GuardedApp, Receive, Send, create_app
from orders_sync.gateway.desk.visit import PEER
from orders_sync.ledger import Ledger
from orders_sync.ledger.clock import LedgerClock
from orders_sync.ledger.versions import require_current
from orders_sync.listening import listen, url_of
from orders_sync.roster import Roster
from orders_sync.settings import Settings
from orders_sync.worker.app import client_app

log = structlog.get_logger(__name__)

#: How long calls that are under way may take once the process is told to stop.
_GRACE_SECONDS: Final = 10
#: More are answered with 503 at once.
_CALLS_AT_ONCE: Final = 1000
#: Steps beyond are left to the workers, which find them in the ledger.
_MOST_WAITING: Final = 1000
_MOST_AT_ONCE: Final = 100


def serve(settings: Settings, ready: Callable[[str], object]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called with the base URL once calls are answered.

    Raises:
        ConfigurationError: the address cannot be listened on, or the ledger must be upgraded.
        LedgerUnavailable: the ledger does not answer.
    """
    listener = _listen(settings)
    ledger = Ledger(settings.ledger, lease=settings.lease, connections=settings.ledger_connections)
    dispatching = Dispatching(_sender(settings))
    tracing = connect_tracing(process_name())
    roster = Roster(settings, ledger.kept_accounts)
    try:
        require_current(ledger.database)
        # Calls that only look at memory must not wait for the ledger.
        roster.keep_fresh()
        app = create_app(
            roster,
            ledger,
            clock=LedgerClock(ledger.database, own=partial(datetime.now, UTC)),
            dispatch=dispatching,
            put_back=ReturnRoute(settings),
            tracing=tracing,
        )
        # A collection of garbage stops every call, and need not walk what is made by now: it stays.
        gc.collect()
        gc.freeze()
        _ReadyServer(app, settings, ready, url_of(listener)).run(sockets=[listener])
    finally:
        dispatching.close(_GRACE_SECONDS)
        tracing.close()
        roster.close()
        ledger.close()
        listener.close()


def _listen(settings: Settings) -> socket.socket:
    gateway = settings.gateway
    try:
        return listen(gateway.address, gateway.port)
    except OSError as error:
        raise ConfigurationError(
            f"ORDERS_SYNC_GATEWAY__ADDRESS={gateway.address} with ORDERS_SYNC_GATEWAY__PORT="
            f"{gateway.port} cannot be listened on ({error.strerror}). Stop what has the port, or "
            "set another one."
        ) from None


def _sender(settings: Settings) -> Callable[[Sequence[Dispatch]], None]:
    """Return what sends steps to the broker; without one the workers find the work themselves."""
    try:
        return client_app(with_broker(settings)).dispatch_all
    except ConfigurationError:
        return lambda _: None


class _ReadyServer(uvicorn.Server):
    """Uvicorn, with a call once it is ready."""

    def __init__(
        self, app: GuardedApp, settings: Settings, ready: Callable[[str], object], url: str
    ) -> None:
        super().__init__(
            uvicorn.Config(
                behind(app, settings.gateway.proxies),
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CALLS_AT_ONCE,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._close = app.close
        self._ready = ready
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self._url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - Uvicorn's.
        """Stop in order; uvicorn itself would let the signal end the process after that."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._close()
        await super().shutdown(sockets)


def behind(app: Application, proxies: str | None) -> Application:
    """Return the app with proxies' headers applied; the true peer stays in the scope as PEER."""
    middleware: Any = ProxyHeadersMiddleware
    believing = app if proxies is None else middleware(app, proxies)

    async def remembering(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["client"]:
            scope[PEER] = scope["client"][0]
        await believing(scope, receive, send)

    return remembering


class Dispatching:
    """Sends steps to the broker in lots, from a thread of its own: no caller waits for a broker."""

    def __init__(self, send: Callable[[Sequence[Dispatch]], None]) -> None:
        self._send = send
        self._steps: queue.Queue[Dispatch | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="dispatching", daemon=True)
        self._thread.start()

    def __call__(self, steps: Sequence[Dispatch]) -> None:
        """Queue steps to be sent; the ledger brings back those that are not."""
        with suppress(queue.Full):
            for step in steps:
                self._steps.put_nowait(step)

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most."""
        with suppress(queue.Full):
            self._steps.put_nowait(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            lot = [self._steps.get()]
            with suppress(queue.Empty):
                while len(lot) < _MOST_AT_ONCE:
                    lot.append(self._steps.get_nowait())
            try:
                self._send([step for step in lot if step is not None])
            except Exception as error:
                log.exception("dispatching.failed", cause=type(error).__name__)
            if None in lot:
                return
