"""What the desk's pages take with a large ledger behind them.

    python -m benchmarks.desk [--orders 1000000] [--parked 100000] [--times 100]
                              [--postgresql | --url URL]

Fills an empty ledger as `benchmarks.ledger` does, parks the invoices of the latest orders for one
cause, and has an admin ask for every page over HTTP, one after the other: the median and the
longest of some calls, from the question to the whole answer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.ledger import empty_database, fill_in, time_each
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.desk_site import Visitor, serving_desk, settings_of
from support.full_ledger import STORE, fill, park_invoices

_PARKED_FOR = "vtex.unavailable"


def main() -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--parked", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=100)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--postgresql", action="store_true")
    where.add_argument("--url")
    wanted = parser.parse_args()
    with (
        empty_database(wanted.url, is_postgresql=wanted.postgresql) as url,
        tempfile.TemporaryDirectory(prefix="orders-sync-bench-") as home,
    ):
        upgrade(url)
        filling = partial(fill, orders=wanted.orders, now=datetime.now(UTC))
        fill_in(url, f"{wanted.orders:,} orders", filling)
        parking = partial(park_invoices, cause=_PARKED_FOR, number=wanted.parked)
        fill_in(url, f"{wanted.parked:,} parked invoices", parking)
        settings = settings_of(Path(home), ledger_url=url)
        with (
            closing(Ledger(url, lease=timedelta(seconds=60))) as ledger,
            serving_desk(settings, ledger) as desk,
        ):
            time_each(_pages(desk.visitor("anna"), wanted.orders), wanted.times)


def _pages(visitor: Visitor, orders: int) -> Mapping[str, Callable[[], object]]:
    """Return every page that is looked at, by its name."""
    done = f"{1_000_000_000_000 + orders - orders % 1000 - 99}-01"
    cause = {"cause": _PARKED_FOR}
    paths = {
        "Needs you": "/desk/",
        "Needs you, one account": f"/desk/?{urlencode({'account': STORE})}",
        "a cause with few": "/desk/cause?cause=erp.refused",
        "a cause with many": f"/desk/cause?{urlencode(cause)}",
        "a cause with many, one account": f"/desk/cause?{urlencode({**cause, 'account': STORE})}",
        "retry of a cause": f"/desk/retry?{urlencode(cause)}",
        "an order": f"/desk/order?{urlencode({'account': STORE, 'id': done})}",
        "an order by its id": f"/desk/search?{urlencode({'q': done})}",
        "an order by its invoice": "/desk/search?q=901",
        "a name that nothing has": "/desk/search?q=nothing-at-all",
        "Accounts": "/desk/accounts",
        "Now": "/desk/now",
        "People": "/desk/people",
    }
    return {name: partial(_ask, visitor, path) for name, path in paths.items()}


def _ask(visitor: Visitor, path: str) -> None:
    answer = visitor.gets(path)
    if answer.status_code not in {200, 303}:
        sys.exit(f"{path}: {answer.status_code}\n{answer.text}")


if __name__ == "__main__":
    main()
