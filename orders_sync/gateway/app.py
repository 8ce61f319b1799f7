"""The ASGI app: its parts, its routes, and what holds for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from fastapi import APIRouter, FastAPI

from orders_sync import __version__
from orders_sync.backoffice.parked import PutBack
from orders_sync.backoffice.waiting import Outcomes
from orders_sync.domain.steps import Dispatch
from orders_sync.domain.time import Clock
from orders_sync.gateway.bounds import Bounded
from orders_sync.gateway.callers import Admission, Allowance
from orders_sync.gateway.commands import command_routes
from orders_sync.gateway.context import Context
from orders_sync.gateway.desk.app import create_desk
from orders_sync.gateway.desk.live import LiveFigures, read_figures
from orders_sync.gateway.desk.visit import open_desk
from orders_sync.gateway.docs import docs_routes
from orders_sync.gateway.health import health_routes
from orders_sync.gateway.hook import hook_routes
from orders_sync.gateway.openapi import describe
from orders_sync.gateway.orders import order_routes
from orders_sync.gateway.parked import parked_routes
from orders_sync.gateway.problems import ANY_CALL, described, tell_problems
from orders_sync.ledger import Ledger
from orders_sync.metrics.tracing import NO_TRACING, Tracing
from orders_sync.roster import Roster

_API: Final = "/api/v1"

#: JSON has blanks and escapes, which a command's own bound does not count.
_BLANKS: Final = 4


def create_app(
    roster: Roster,
    ledger: Ledger,
    *,
    clock: Clock,
    dispatch: Callable[[Dispatch], None],
    put_back: PutBack,
    tracing: Tracing = NO_TRACING,
    monotonic: Callable[[], float] = time.monotonic,
) -> Bounded:
    """Return the app; `dispatch` must not wait for the broker."""
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
    tell_problems(app)
    api = APIRouter(prefix=_API, responses=described(*ANY_CALL))
    for routes in (command_routes(), order_routes(), parked_routes()):
        api.include_router(routes)
    app.include_router(api)
    app.include_router(docs_routes())
    app.include_router(health_routes())
    app.include_router(hook_routes(context, monotonic))
    live = LiveFigures(partial(read_figures, roster, ledger, clock), monotonic)
    desk, close_streams = create_desk(open_desk(context, live, monotonic))
    app.mount("/desk", desk)
    return Bounded(
        app,
        settings.max_command_bytes * _BLANKS,
        admit=Admission(f"{_API}/", ledger.callers, context.allowance, clock),
        close=close_streams,
    )
