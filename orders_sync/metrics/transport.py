"""Observes every call to VTEX where it is made."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time
from typing import Final, Protocol

from orders_sync.errors import OrdersSyncError
from orders_sync.metrics.labels import OTHER
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.vtex.exchange import Request, Response, Transport

#: Statuses that mean something by themselves; the others are shown by their class.
_TOLD_APART: Final = frozenset({401, 403, 404, 429})


class CallObserver(Protocol):
    """Takes in how a call went."""

    def vtex_called(
        self, account: str, endpoint: str, outcome: str, seconds: float, *, now: float
    ) -> None:
        """Observe a call."""
        ...


class ObservedTransport:
    """A transport that tells `observer` about each call of another one, and traces it.

    `timer` measures, and `clock` tells the time in seconds since 1970.
    """

    def __init__(
        self,
        transport: Transport,
        account: str,
        observer: CallObserver,
        *,
        timer: Callable[[], float] = monotonic,
        clock: Callable[[], float] = time,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._transport = transport
        self._account = account
        self._observer = observer
        self._timer = timer
        self._clock = clock
        self._tracing = tracing

    def send(self, request: Request) -> Response:
        """Send the request and read the whole response; errors pass through."""
        name = f"{request.method} {_endpoint(request)}"
        facts = {"http.request.method": request.method, "orders_sync.account": self._account}
        with self._tracing.call(name, facts) as span:
            response = self._send(request)
            span.note({"http.response.status_code": response.status})
        return response

    def _send(self, request: Request) -> Response:
        started = self._timer()
        try:
            response = self._transport.send(request)
        except OrdersSyncError as error:
            self._note(request, _kind(error), started)
            raise
        self._note(request, _status_class(response.status), started)
        return response

    def _note(self, request: Request, outcome: str, started: float) -> None:
        self._observer.vtex_called(
            self._account,
            _endpoint(request),
            outcome,
            self._timer() - started,
            now=self._clock(),
        )


def _endpoint(request: Request) -> str:
    """Name the endpoint: an operation's first word, for ids follow it."""
    return request.operation.partition(" ")[0] or OTHER


def _status_class(status: int) -> str:
    return str(status) if status in _TOLD_APART else f"{status // 100}xx"


def _kind(error: OrdersSyncError) -> str:
    cause: str = getattr(error, "cause", type(error).__name__)
    return cause.removeprefix("vtex.")
