"""The base of VTEX's endpoints: one call, made and judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from orders_sync import __version__
from orders_sync.domain.time import Clock, utc_now
from orders_sync.errors import NotFound
from orders_sync.vtex.exchange import Credentials, Gate, Request, Response, Transport, open_gate
from orders_sync.vtex.responses import require_accepted

_HEADERS: Final = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": f"orders_sync/{__version__}",
}


class EndpointGroup:
    """Calls one account's OMS; groups of endpoints extend it, and `VtexClient` joins the groups.

    `credentials` may be a callable: it is asked before every call, so a renewed token is used
    from the next call on. `gate` says when a call may be made, and learns from how it ended; each
    operation is a group of its own there. `now` reads a `Retry-After` that is a date.
    """

    def __init__(
        self,
        account: str,
        transport: Transport,
        credentials: Credentials | Callable[[], Credentials],
        *,
        gate: Gate = open_gate,
        now: Clock = utc_now,
    ) -> None:
        self.account = account
        self._transport = transport
        self._credentials = credentials
        self._gate = gate
        self._now = now

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.account!r})"

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        payload: Any = None,
        changes_nothing: bool = False,
    ) -> tuple[Request, Response]:
        """Send a request and refuse an answer that is not a success."""
        request = Request(
            method,
            path,
            query=query or {},
            body=None if payload is None else json.dumps(payload).encode(),
            headers={**_HEADERS, **self._current_credentials().headers()},
            operation=operation,
            changes_nothing=changes_nothing,
        )
        with self._gate(operation.partition(" ")[0]) as answered:
            response = self._transport.send(request)
            answered(response.status, response.header)
            require_accepted(request, response, now=self._now())
        return request, response

    def _current_credentials(self) -> Credentials:
        credentials = self._credentials
        return credentials if isinstance(credentials, Credentials) else credentials()


def segment(value: str, operation: str) -> str:
    """Quote an id as one segment of a path.

    Raises:
        NotFound: the id would lead to another path, so VTEX cannot have it.
    """
    try:
        quoted = quote(value, safe="")
    except UnicodeEncodeError:
        quoted = ""
    if quoted in {"", ".", ".."}:
        shown = operation.encode(errors="replace").decode()
        raise NotFound(f"{shown}: this cannot be an id of VTEX's; nothing was asked.")
    return quoted
