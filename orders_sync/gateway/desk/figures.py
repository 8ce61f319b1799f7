"""The figures of the system: the accounts, the worst first, and live numbers with small charts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orders_sync.errors import LedgerUnavailable
from orders_sync.gateway.desk.live import REFRESH_SECONDS
from orders_sync.gateway.desk.visit import POLICY, Desk, Visit, read_visit, with_visitor
from orders_sync.gateway.rights import NotAllowedError

#: More rows are found with the filter: a page of 500 accounts stays small.
_ROWS: Final = 100
#: A stream ends by then, so that its browser signs in again for the next.
_STREAM_SECONDS: Final = 60.0
WIDTH: Final = 600
HEIGHT: Final = 120
_GAP: Final = 2


def show_accounts(visit: Visit) -> Response:
    """Return the accounts that the visitor may see, the worst first; htmx asks for rows alone."""
    look, text = visit.desk.live.look(), visit.query("filter").lower()
    seen = look.accounts_for(visit.who.rights) if look else []
    rows = [account for account in seen if text in account.account.lower()]
    return visit.page(
        "accounts_rows.html" if visit.is_part_for("accounts") else "accounts.html",
        look=look,
        rows=rows[:_ROWS],
        found=len(rows),
        total=len(seen),
        text=visit.query("filter"),
    )


def show_now(visit: Visit) -> Response:
    """Return the figures of now; a script follows their stream."""
    return visit.page("now.html", **_figures(visit))


class Streams:
    """Sends the figures to browsers that watch, a bounded number of them."""

    def __init__(self, desk: Desk, most: int) -> None:
        self._desk = desk
        self._most = most
        self._count = 0
        self._is_closing = asyncio.Event()

    def close(self) -> None:
        """End all streams, so that the process can end."""
        self._is_closing.set()

    async def __call__(self, request: Request) -> Response:
        """Return a stream of server-sent events to a visitor who is signed in."""
        try:
            visit = await run_in_threadpool(
                lambda: with_visitor(read_visit(self._desk, request), is_use=False)
            )
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
                text = await run_in_threadpool(
                    lambda: visit.text("now_figures.html", **_figures(visit))
                )
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


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, or the points of a line, as SVG has them; `top` is the value at the upper edge."""

    top: float
    bars: Sequence[Bar] = ()
    points: str = ""


def bar_chart(numbers: Sequence[int]) -> Chart:
    """Return a chart with a bar for each number."""
    top, step = max([*numbers, 1]), WIDTH / max(len(numbers), 1)
    bars = [
        Bar(
            round(index * step, 1),
            round(HEIGHT * (1 - number / top), 1),
            round(step - _GAP, 1),
            round(HEIGHT * number / top, 1),
        )
        for index, number in enumerate(numbers)
        if number
    ]
    return Chart(top, bars=bars)


def line_chart(values: Sequence[tuple[datetime, float]]) -> Chart:
    """Return a chart with a line through values over time; it needs two at least."""
    top = max([*(value for _, value in values), 1.0])
    if len(values) < 2:
        return Chart(top)
    first, last = values[0][0], values[-1][0]
    span = max((last - first).total_seconds(), 1e-9)
    points = " ".join(
        f"{(at - first).total_seconds() / span * WIDTH:.1f},{HEIGHT * (1 - value / top):.1f}"
        for at, value in values
    )
    return Chart(top, points=points)
