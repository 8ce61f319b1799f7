"""What the desk's pages take with a large ledger behind them.

    python -m benchmarks.desk [--orders 1000000] [--parked 100000] [--times 300]
                              [--postgresql | --url URL]

Fills an empty ledger as `benchmarks.ledger` does, parks the invoices of the latest orders for one
cause, and has an admin ask for every page over HTTP, one after the other: the median, the 99th
percentile and the longest of some calls. It is the server's time, from the call's head in the
gateway to that of its answer, whose page is made by then; the connection and the browser's side,
which is in the same process, are left out.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.ledger import empty_database, fill_in, time_each
from orders_sync.gateway.app import GuardedApp, Message, Receive, Send
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.searches import PageEnd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.desk_site import Visitor, serving_desk, settings_of
from support.full_ledger import STORE, fill, park_invoices

_PARKED_FOR = "vtex.unavailable"


def main() -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--parked", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=300)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--postgresql", action="store_true")
    where.add_argument("--url")
    wanted = parser.parse_args()
    with (
        empty_database(wanted.url, is_postgresql=wanted.postgresql) as url,
        tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home,
    ):
        upgrade(url)
        now = datetime.now(UTC)
        filling = partial(fill, orders=wanted.orders, now=now)
        fill_in(url, f"{wanted.orders:,} orders", filling)
        parking = partial(park_invoices, cause=_PARKED_FOR, number=wanted.parked)
        fill_in(url, f"{wanted.parked:,} parked invoices", parking)
        settings = settings_of(Path(home), ledger_url=url)
        with (
            closing(Ledger(url, lease=timedelta(seconds=60))) as ledger,
            serving_desk(settings, ledger, around=_TimedApp) as desk,
        ):
            visitor = desk.visitor("anna")
            # An order comes every ten seconds.
            middle = PageEnd(now - timedelta(seconds=10 * wanted.parked / 2), "")
            pages = _pages(wanted.orders, middle)
            # As `orders-sync serve` does.
            gc.collect()
            gc.freeze()
            measures = {name: partial(_ask, visitor, path) for name, path in pages.items()}
            time_each(measures, wanted.times)


class _TimedApp(GuardedApp):
    """An app whose answers say in `Server-Timing` how many milliseconds they took."""

    def __init__(self, app: GuardedApp) -> None:
        super().__init__(app, sys.maxsize, close=app.close)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def timing(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = f"app;dur={(time.perf_counter() - began) * 1000}".encode()
                message["headers"] = [*message["headers"], (b"server-timing", took)]
            await send(message)

        await self._application(scope, receive, timing)


def _pages(orders: int, middle: PageEnd) -> Mapping[str, str]:
    """Return the path of every page that is looked at, by its name."""
    number = orders - orders % 1000 - 99
    done = f"{1_000_000_000_000 + number}-01"
    cause = {"cause": _PARKED_FOR}
    later = {**cause, "after": middle.to_text()}
    return {
        "Needs you": "/desk/",
        "Needs you, one account": f"/desk/?{urlencode({'account': STORE})}",
        "a cause with few": "/desk/cause?cause=erp.refused",
        "a cause with many": f"/desk/cause?{urlencode(cause)}",
        "a cause with many, a later page": f"/desk/cause?{urlencode(later)}",
        "a cause with many, one account": f"/desk/cause?{urlencode({**cause, 'account': STORE})}",
        "retry of a cause": f"/desk/retry?{urlencode(cause)}",
        "a parked command": f"/desk/command?{urlencode({'id': f'invoice{number}'})}",
        "an order": f"/desk/order?{urlencode({'account': STORE, 'id': done})}",
        "an order by its id": f"/desk/search?{urlencode({'q': done})}",
        "an order by its invoice": "/desk/search?q=901",
        "a name that nothing has": "/desk/search?q=nothing-at-all",
        "Accounts": "/desk/accounts",
        "Now": "/desk/now",
        "People": "/desk/people",
        "Tokens": "/desk/tokens",
        "Endpoints": "/desk/endpoints",
    }


def _ask(visitor: Visitor, path: str) -> float:
    """Ask for a page; return the milliseconds that the server took for it."""
    answer = visitor.gets(path)
    if answer.status_code not in {200, 303}:
        sys.exit(f"{path}: {answer.status_code}\n{answer.text}")
    return float(answer.headers["Server-Timing"].removeprefix("app;dur="))


if __name__ == "__main__":
    main()
