"""Asks VTEX one thing and keeps what tells how it was answered: the status and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from orders_sync.doctor.findings import Finding, State
from orders_sync.doctor.permissions import Permission
from orders_sync.errors import AuthFailed, NotFound, OrdersSyncError, RateLimited, Refused
from orders_sync.vtex.exchange import Request, Response, Transport


class Listener:
    """Carries requests as `transport` does, and remembers the last response."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.last: Response | None = None

    def send(self, request: Request) -> Response:
        """Send the request and remember its response."""
        self.last = None
        self.last = self._transport.send(request)
        return self.last


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call: what it gave or raised, and the response's status and `Date`.

    `status` is None where nothing was answered.
    """

    value: Any
    error: OrdersSyncError | None
    status: int | None
    at: datetime | None


def ask(call: Callable[[], Any], listener: Listener) -> Answer:
    """Make a call through the listener."""
    value, error = None, None
    try:
        value = call()
    except OrdersSyncError as raised:
        error = raised
    response = listener.last
    if response is None:
        return Answer(value, error, None, None)
    return Answer(value, error, response.status, _date(response))


def judge_permission(account: str, permission: Permission, answer: Answer) -> Finding:
    """Say whether an answer shows that the key has the permission."""
    check, error = permission.check, answer.error
    if error is None:
        return Finding(account, check, State.OK, "allowed")
    if isinstance(error, NotFound | Refused):
        says = "not refused (asked about an order that does not exist)"
        return Finding(account, check, State.OK, says)
    if isinstance(error, RateLimited):
        says = "not known: VTEX asks for fewer calls (429)"
        return Finding(account, check, State.WARNING, says, "Ask again in a minute.")
    if isinstance(error, AuthFailed):
        return Finding(
            account,
            check,
            State.FAILED,
            f"VTEX does not allow it ({_how(answer.status)})",
            f"Give the key's role in License Manager the resource: {permission.resource}.",
        )
    return Finding(account, check, State.FAILED, str(error))


def _how(status: int | None) -> str:
    return f"{status}" if status in {401, 403} else "it shows its login page"


def _date(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.header("Date") or "")
    except ValueError:
        return None
