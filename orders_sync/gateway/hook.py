"""VTEX's hook, `/hook/{account}`: what it posts is in the ledger before it is answered.

VTEX takes any answer but 200 within five seconds as a failure, and posts again, so only what a
repeat can mend is refused. https://developers.vtex.com/docs/guides/orders-feed
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from orders_sync.domain.events import OrderEvent
from orders_sync.gateway.context import Context
from orders_sync.gateway.hook_intake import HookEvent, HookIntake
from orders_sync.gateway.problems import ProblemError
from orders_sync.gateway.rights import digest_of, is_same
from orders_sync.metrics.tracing import About
from orders_sync.settings_parts import AccountSettings
from orders_sync.vtex.hook import HEADER, Origin, is_ping, read_post

log = structlog.get_logger(__name__)

_NOTED_EVERY_SECONDS: Final = 5.0
_LOGGED_EVERY_SECONDS: Final = 60.0


class _Seldom:
    """Says yes to each key once in so many seconds."""

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


def hook_routes(here: Context, monotonic: Callable[[], float]) -> APIRouter:
    """Return the route, which needs the hook's secret in place of a token."""
    routes = APIRouter(include_in_schema=False)
    is_noted = _Seldom(_NOTED_EVERY_SECONDS, monotonic)
    is_logged = _Seldom(_LOGGED_EVERY_SECONDS, monotonic)

    def record(account: str, lot: Sequence[HookEvent]) -> None:
        now = here.clock()
        with here.tracing.lot("hook.heard") as traced:
            recorded = here.ledger.events.record(account, lot, now=now)
            traced.add_all(About(account, order_id) for order_id in recorded.orders)
        for step in recorded.dispatches:
            here.dispatch(step)
        if any(isinstance(event, OrderEvent) for event in lot) and is_noted(account):
            here.ledger.hearings.note_hook(account, now)

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
    """Check a secret in a time that tells nothing of the right ones."""
    digest = digest_of(given or "")
    secrets = (account.hook_secret, account.hook_old_secret)
    matches = [is_same(right.get_secret_value(), digest) for right in secrets if right]
    return True in matches
