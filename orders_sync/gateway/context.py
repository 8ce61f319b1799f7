"""What the routes share: the process's parts, who calls them and how often, and lists in pages."""

from __future__ import annotations

import base64
import math
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, Protocol, Self, TypeVar
from urllib.parse import unquote

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from orders_sync.backoffice.parked import PutBack
from orders_sync.backoffice.waiting import Outcomes
from orders_sync.commands.acceptance import LONGEST
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.gateway.problems import ProblemError, answer_to
from orders_sync.gateway.rights import Rights, digest_of, is_same, token_id
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import Callers
from orders_sync.ledger.journal import Act
from orders_sync.ledger.searches import PageEnd
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.outbound.accept import Intake
from orders_sync.roster import Roster
from orders_sync.settings import Settings

#: Where a call's scope has the rights of its caller.
CALLER: Final = "orders_sync.caller"

#: A token may call as often in a burst as it may in so many seconds.
_BURST_SECONDS: Final = 10.0
#: So many callers are remembered; beyond, the one that has been silent longest is forgotten.
_MOST_BUCKETS: Final = 10_000
_NOBODY: Final = digest_of("")
_bearer: Final = HTTPBearer(auto_error=False, description="A token of `orders-sync tokens create`.")

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Context:
    """The process's parts; `dispatch` never waits, and `put_back` sends a stray again."""

    roster: Roster
    ledger: Ledger
    clock: Clock
    outcomes: Outcomes
    allowance: Allowance
    dispatch: Callable[[Sequence[Dispatch]], None]
    put_back: PutBack
    tracing: Tracing = NO_TRACING

    @property
    def settings(self) -> Settings:
        """The settings with the accounts that are in force."""
        return self.roster.settings

    @property
    def intake(self) -> Intake:
        """The intake of commands."""
        return Intake(
            ledger=self.ledger,
            clock=self.clock,
            new_id=lambda: uuid.uuid4().hex,
            dispatch=self.dispatch,
            max_bytes=self.settings.max_command_bytes,
            tracing=self.tracing,
        )

    def act(self, who: Rights, why: str | None) -> Act:
        """Return a decision of a caller, made at this moment."""
        return Act(self.clock(), who.name, why)


def _context(request: Request) -> Context:
    # PostgreSQL keeps no null character, and cannot be asked for one.
    if "\0" in f"{request.url.path}{unquote(request.url.query)}":
        raise ProblemError(422, "request.invalid", "The path or the query has a null character.")
    context: Context = request.app.state.context
    return context


def _caller(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Rights:
    # `Admission` has checked the token; here it is only described for OpenAPI.
    rights: Rights = request.scope[CALLER]
    return rights


Here = Annotated[Context, Depends(_context)]
Caller = Annotated[Rights, Depends(_caller)]
AccountName = Annotated[str, Path(description="The VTEX account.", max_length=LONGEST["account"])]
OrderId = Annotated[
    str, Path(description="VTEX's id of the order.", max_length=LONGEST["order_id"])
]
CommandId = Annotated[str, Path(description="The command's id.", max_length=32)]
Cursor = Annotated[str | None, Query(description="The next_cursor of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Of a page, so many at most.")]


class Admission:
    """Checks who calls the API, by a call's headers alone; leaves `Rights` in its scope."""

    def __init__(self, paths: str, callers: Callers, allowance: Allowance, clock: Clock) -> None:
        self._paths = paths
        self._callers = callers
        self._allowance = allowance
        self._clock = clock

    async def __call__(self, scope: Any) -> Response | None:
        """Return the refusal of a call, None where it is let in; calls of other paths all are."""
        if not scope["path"].startswith(self._paths):
            return None
        scheme, token = get_authorization_scheme_param(Headers(scope=scope).get("Authorization"))
        try:
            scope[CALLER] = await run_in_threadpool(
                identify,
                token if scheme.lower() == "bearer" else None,
                callers=self._callers,
                allowance=self._allowance,
                now=self._clock(),
            )
        except Exception as error:  # noqa: BLE001 - Each has its answer, as in a route.
            return answer_to(error)
        return None


def identify(token: str | None, *, callers: Callers, allowance: Allowance, now: datetime) -> Rights:
    """Return what the bearer of a token may do.

    Raises:
        ProblemError: there is no token in force, or it calls too often.
        LedgerUnavailable: the ledger does not answer.
    """
    caller_id = token_id(token or "")
    caller = callers.find(caller_id) if caller_id else None
    is_right = is_same(token or "", caller.digest if caller else _NOBODY)
    if caller is None or not is_right or not caller.is_valid(now):
        raise ProblemError(
            401,
            "token.missing" if token is None else "token.wrong",
            "Send a token that is in force: Authorization: Bearer osync_... "
            "(orders-sync tokens create).",
            {"WWW-Authenticate": 'Bearer realm="orders_sync"'},
        )
    wait = allowance.take(caller.id)
    if wait:
        raise ProblemError(
            429,
            "token.too_often",
            "This token calls more often than ORDERS_SYNC_GATEWAY__REQUESTS_PER_MINUTE.",
            {"Retry-After": f"{math.ceil(wait)}"},
        )
    callers.note_use(caller, now)
    return Rights(caller.name, caller.scopes, caller.accounts)


class Allowance:
    """Counts calls by caller in this process: each has a bucket that refills steadily."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float], *, burst: float | None = None
    ) -> None:
        self._per_second = per_minute / 60
        self._burst = burst or max(self._per_second * _BURST_SECONDS, 1.0)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller_id: str) -> float:
        """Take a call of a caller; return the seconds until there is one, 0 if it was taken."""
        with self._lock:
            now = self._clock()
            left, since = self._buckets.pop(caller_id, (self._burst, now))
            if len(self._buckets) >= _MOST_BUCKETS:
                self._buckets.pop(next(iter(self._buckets)))
            left = min(self._burst, left + (now - since) * self._per_second)
            if left < 1:
                self._buckets[caller_id] = left, now
                return (1 - left) / self._per_second
            self._buckets[caller_id] = left - 1, now
            return 0.0


class Page(BaseModel, Generic[T]):
    """Some of a list; `next_cursor` is that of the rest, None at the end.

    What changes meanwhile comes first again.
    """

    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(
        cls,
        rows: Sequence[Mapping[str, Any]],
        model: type[T],
        limit: int,
        name: str,
        at: str = "updated_at",
    ) -> Self:
        """Return a page of rows that are ordered by the column `at`, then by the column `name`."""
        items = [model.model_validate(row) for row in rows]
        end = PageEnd(rows[-1][at], rows[-1][name]) if len(rows) == limit else None
        return cls(items=items, next_cursor=cursor_of(end))


class End(Protocol):
    """Where a page of a list ends."""

    def to_text(self) -> str:
        """Return it as a text."""


E = TypeVar("E", bound=End)


def cursor_of(end: End | None) -> str | None:
    """Return the cursor of what follows the end of a page; None where nothing does."""
    return None if end is None else base64.urlsafe_b64encode(end.to_text().encode()).decode()


def read_cursor(cursor: str | None, read: Callable[[str], E]) -> E | None:
    """Return what a page begins after, which its text is `read` as; None: at the latest.

    Raises:
        ProblemError: the cursor is no page's.
    """
    if cursor is None:
        return None
    try:
        return read(base64.urlsafe_b64decode(cursor).decode())
    except ValueError:
        raise ProblemError(
            422, "request.invalid", "cursor: give the next_cursor of a page"
        ) from None
