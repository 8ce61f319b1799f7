"""The accounts, the worst first, and how things stand at this moment, as they go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.desk.charts import HEIGHT, WIDTH, bar_chart, line_chart
from orders_sync.gateway.desk.live import REFRESH_SECONDS
from orders_sync.gateway.desk.visit import POLICY, Desk, Visit, visit_of
from orders_sync.gateway.rights import NotAllowedError

#: More rows are found with the filter: a page of 500 accounts stays small.
_ROWS: Final = 100
#: A stream ends by then, so that who watches is asked again who it is.
_STREAM_SECONDS: Final = 60.0


def show_accounts(visit: Visit) -> Response:
    """Return the accounts that the visitor may see, the worst first; htmx asks for rows alone."""
    look, text = visit.desk.live.look(), visit.query("filter").lower()
    seen = look.accounts_for(visit.who.rights) if look else []
    rows = [account for account in seen if text in account.account.lower()]
    is_part = visit.request.headers.get("hx-target") == "accounts"
    return visit.page(
        "accounts_rows.html" if is_part else "accounts.html",
        look=look,
        rows=rows[:_ROWS],
        found=len(rows),
        total=len(seen),
        text=visit.query("filter"),
    )


def show_now(visit: Visit) -> Response:
    """Return how things stand; a script has it go on."""
    return visit.page("now.html", **_figures(visit))


class Streams:
    """Sends how things stand to browsers that watch, a bounded number of them."""

    def __init__(self, desk: Desk, most: int) -> None:
        self._desk = desk
        self._most = most
        self._count = 0
        self._is_closing = asyncio.Event()

    def close(self) -> None:
        """End all streams, so that the process can end."""
        self._is_closing.set()

    async def __call__(self, request: Request) -> Response:
        """Return a stream of server-sent events to whoever is signed in."""
        try:
            visit = await run_in_threadpool(visit_of, self._desk, request, is_use=False)
        except NotAllowedError:
            return Response(status_code=403)
        except LedgerUnavailable:
            return Response(status_code=503, headers={"Retry-After": "15"})
        if visit.visitor is None:
            return Response(status_code=403)
        if self._count >= self._most:
            return Response(status_code=503, headers={"Retry-After": "60"})
        headers = {"Content-Security-Policy": POLICY, "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._events(visit), media_type="text/event-stream", headers=headers
        )

    async def _events(self, visit: Visit) -> AsyncIterator[str]:
        self._count += 1
        try:
            until = asyncio.get_running_loop().time() + _STREAM_SECONDS
            yield "retry: 3000\n\n"
            while asyncio.get_running_loop().time() < until:
                text = await run_in_threadpool(_part, visit)
                lines = "".join(f"data: {line}\n" for line in text.splitlines())
                yield f"event: figures\n{lines}\n"
                if await _is_set(self._is_closing, REFRESH_SECONDS):
                    return
        finally:
            self._count -= 1


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _part(visit: Visit) -> str:
    return visit.text("now_figures.html", **_figures(visit))


def _figures(visit: Visit) -> dict[str, Any]:
    look, rights = visit.desk.live.look(), visit.who.rights
    if look is None:
        return {"look": None}
    accounts, (orders, commands) = look.accounts_for(rights), look.bars_for(rights)
    works = [work for account in accounts for work in (account.orders, account.commands) if work]
    lags = look.lags_for(rights)
    return {
        "look": look,
        "in_flight": sum(work.in_flight for work in works),
        "waiting": sum(sum(work.waiting.values()) for work in works),
        "parked": sum(sum(work.parked.values()) for work in works),
        "lag": max((account.lag_seconds or 0.0 for account in accounts), default=0.0),
        "orders": (bar_chart(orders), sum(orders)),
        "commands": (bar_chart(commands), sum(commands)),
        "lags": line_chart(lags),
        "lags_since": lags[0][0] if lags else None,
        "size": (WIDTH, HEIGHT),
        "sees_queues": rights.accounts is None,
    }
