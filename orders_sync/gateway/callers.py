"""Who calls: a token that is in force, and not more often than it may."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from orders_sync.domain.time import Clock
from orders_sync.gateway.problems import ProblemError, answer_to
from orders_sync.gateway.rights import Rights, digest_of, is_same, token_id
from orders_sync.ledger.callers import Caller, Callers

#: A token may call as often in a burst as it may in so many seconds.
_BURST_SECONDS: Final = 10.0
_NOBODY: Final = digest_of("")

#: Where a call's scope has the rights of who calls.
CALLER: Final = "orders_sync.caller"

#: So many are remembered; of those beyond, the longest unheard of are forgotten.
_MOST_BUCKETS: Final = 10_000


class Allowance:
    """Counts calls by who makes them: a bucket each that refills steadily, in this process."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float], *, burst: float | None = None
    ) -> None:
        self._per_second = per_minute / 60
        self._burst = burst or max(self._per_second * _BURST_SECONDS, 1.0)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller_id: str) -> float:
        """Take a call of somebody; return after how many seconds there is one, 0 if there was."""
        with self._lock:
            return self._take(caller_id)

    def _take(self, caller_id: str) -> float:
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


def identify(token: str | None, *, callers: Callers, allowance: Allowance, now: datetime) -> Rights:
    """Return what the bearer of a token may do.

    Raises:
        ProblemError: there is no token in force, or it calls too often.
        LedgerUnavailable: nobody can be asked.
    """
    caller = _of_token(token, callers)
    if caller is None or not caller.is_valid(now):
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


class Admission:
    """Asks who calls the API, by a call's headers alone; `Rights` are left in its scope."""

    def __init__(self, paths: str, callers: Callers, allowance: Allowance, clock: Clock) -> None:
        self._paths = paths
        self._callers = callers
        self._allowance = allowance
        self._clock = clock

    async def __call__(self, scope: Any) -> Response | None:
        """Return why a call is not let in, None where it is; calls of other paths all are."""
        if not scope["path"].startswith(self._paths):
            return None
        given = Headers(scope=scope).get("Authorization")
        scheme, token = get_authorization_scheme_param(given)
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


def _of_token(token: str | None, callers: Callers) -> Caller | None:
    caller_id = token_id(token or "")
    caller = callers.find(caller_id) if caller_id else None
    is_right = is_same(token or "", caller.digest if caller else _NOBODY)
    return caller if is_right else None
