"""VTEX's hook, `/hook/{account}`: what it posts is in the ledger before it is answered.

VTEX takes any answer but 200 within five seconds as a failure, and posts again, so only what a
repeat can mend is refused. https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.context import Context
from orders_sync.gateway.problems import ProblemError
from orders_sync.gateway.rights import digest_of, is_same
from orders_sync.metrics.tracing import About
from orders_sync.settings_parts import AccountSettings
from orders_sync.vtex.hook import HEADER, Origin, is_ping, read_post

log = structlog.get_logger(__name__)

_NOTED_EVERY_SECONDS: Final = 5.0
_LOGGED_EVERY_SECONDS: Final = 60.0

#: Posts of an account that may wait for the ledger at once.
MOST_WAITING: Final = 300
_MOST_AT_ONCE: Final = 100
#: VTEX gives up after five seconds.
_PATIENCE_SECONDS: Final = 4.0

HookEvent = OrderEvent | UnreadableEvent


def hook_routes(here: Context, monotonic: Callable[[], float]) -> APIRouter:
    """Return the route, which needs the hook's secret in place of a token."""
    routes = APIRouter(include_in_schema=False)
    is_noted = _Throttle(_NOTED_EVERY_SECONDS, monotonic)
    is_logged = _Throttle(_LOGGED_EVERY_SECONDS, monotonic)

    def record(account: str, lot: Sequence[HookEvent]) -> None:
        now = here.clock()
        with here.tracing.lot("hook.heard") as traced:
            recorded = here.ledger.events.record(account, lot, now=now)
            traced.add_all(About(account, order_id) for order_id in recorded.orders)
        here.dispatch(recorded.dispatches)
        if any(isinstance(event, OrderEvent) for event in lot) and is_noted(account):
            here.ledger.hook_log.note_hook(account, now)

    intake = HookIntake(record)

    @routes.post("/hook/{account}")
    async def hear(request: Request, account: str) -> Response:
        settings = here.settings.accounts.get(account)
        if settings is None or settings.hook_secret is None:
            detail = "No hook of this account is expected: set its HOOK_SECRET."
            raise ProblemError(404, "not_known", detail)
        body = await request.body()
        if is_ping(body):
            return Response()
        if not _is_let_in(request.headers.get(HEADER), settings):
            if is_logged(account):
                log.warning("hook.refused", account=account, cause="hook.wrong_secret")
            raise ProblemError(401, "hook.wrong_secret", f"{HEADER} is not the account's secret.")
        origin = Origin(account, settings.app_key.get_secret_value())
        await intake.take(account, read_post(body, origin, post_id=uuid.uuid4().hex))
        return Response()

    return routes


def _is_let_in(given: str | None, account: AccountSettings) -> bool:
    """Check a secret, in a time that does not depend on the right ones."""
    digest = digest_of(given or "")
    secrets = (account.hook_secret, account.hook_old_secret)
    matches = [is_same(right.get_secret_value(), digest) for right in secrets if right]
    return True in matches


class _Throttle:
    """Returns True for each key once in so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: dict[str, float] = {}

    def __call__(self, key: str) -> bool:
        now = self._clock()
        last = self._last.get(key)
        if last is not None and now - last < self._seconds:
            return False
        self._last[key] = now
        return True


class HookIntake:
    """Records events in lots: all that wait for the ledger share a transaction of their account.

    `record` writes the events of one account, and may block. An intake belongs to one event loop.
    """

    def __init__(self, record: Callable[[str, Sequence[HookEvent]], None]) -> None:
        self._record = record
        self._waiting: dict[str, deque[tuple[HookEvent, asyncio.Future[None]]]] = {}
        self._writer: asyncio.Task[None] | None = None

    async def take(self, account: str, event: HookEvent) -> None:
        """Return once the event is in the ledger.

        Raises:
            ProblemError: too many wait already.
            LedgerUnavailable: the ledger did not take it, or not in time.
        """
        waiting = self._waiting.setdefault(account, deque())
        if len(waiting) >= MOST_WAITING:
            raise ProblemError(
                503, "hook.too_many", "Too many posts wait; post it again.", {"Retry-After": "1"}
            )
        recorded = asyncio.get_running_loop().create_future()
        waiting.append((event, recorded))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait_for(recorded, _PATIENCE_SECONDS)
        except TimeoutError:
            raise LedgerUnavailable("The ledger did not answer in time.", 1.0) from None

    async def _write(self) -> None:
        while self._waiting:
            account, waiting = next(iter(self._waiting.items()))
            lot = [waiting.popleft() for _ in range(min(len(waiting), _MOST_AT_ONCE))]
            del self._waiting[account]
            if waiting:
                self._waiting[account] = waiting  # Behind the others.
            await self._write_lot(account, lot)

    async def _write_lot(
        self, account: str, lot: Sequence[tuple[HookEvent, asyncio.Future[None]]]
    ) -> None:
        error: Exception | None = None
        try:
            await asyncio.to_thread(self._record, account, [event for event, _ in lot])
        except LedgerUnavailable as away:
            # All that wait fail at once, rather than one lot after the other.
            lot = [*lot, *(post for posts in self._waiting.values() for post in posts)]
            self._waiting.clear()
            error = away
        except Exception as unexpected:  # noqa: BLE001 - It is raised to the caller, which logs it.
            if len(lot) > 1:
                for post in lot:
                    await self._write_lot(account, [post])
                return
            error = unexpected
        for _, recorded in lot:
            if not recorded.done():
                if error:
                    recorded.set_exception(error)
                else:
                    recorded.set_result(None)
