"""What it takes to accept the rows of an ERP, beside its databases and across a network.

    python -m benchmarks.rows [--rows 2000] [--round-trip 0.025]

An ERP writes rows into `erp_commands`, each an invoice of an order of its own, and they are pulled
as a worker pulls them: read, accepted, dispatched and answered. The ledger and the ERP's tables are
in a PostgreSQL server that is started for it, the messages in a broker, and there is room for each
command to go out at once, which is the most work that a page can make. Printed are the rows a
second without a network, and the seconds of a page of 100 rows, median and longest of five, where
each round trip to either server takes so long.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from benchmarks.ledger import new_postgres
from benchmarks.plant import STORE, say, until
from orders_sync.database_engines import postgresql_engine
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.erp.staging_tables import ERP_COMMANDS
from orders_sync.ledger.migrate import upgrade
from orders_sync.outbound.accept import Intake
from orders_sync.outbound.erp import pull
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.worker.app import OrdersSyncApp, client_app

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.postgres import PostgresServer

_PAGE = 100
_PAGES = 5
_ROOM = 1_000_000
_CHUNK = 65_536


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--round-trip", type=float, default=0.025, help="seconds")
    options = parser.parse_args()
    with new_postgres() as server:
        with _running_erp(server, 0.0) as erp:
            took = erp.pull(options.rows)
        say("rows a second, without a network", f"{options.rows / took:.0f}")
        with _running_erp(server, options.round_trip) as erp:
            pages = [erp.pull(_PAGE) for _ in range(_PAGES)]
        what = f"seconds of {_PAGE} rows, {options.round_trip * 1000:.0f} ms a round trip"
        say(f"{what}, median and longest", f"{median(pages):.2f}, {max(pages):.2f}")


class _Erp:
    """An ERP with its rows, and the process that pulls them."""

    def __init__(self, app: OrdersSyncApp, tables: sa.Engine) -> None:
        self._services = app.services
        self._tables = tables
        self._written = 0
        self._intake = Intake(
            ledger=self._services.ledger,
            clock=self._services.clock,
            new_id=lambda: uuid.uuid4().hex,
            dispatch=app.dispatch_all,
            max_bytes=self._services.settings.max_command_bytes,
        )
        windows = self._services.ledger.windows
        windows.account = windows.total = _ROOM

    def pull(self, rows: int) -> float:
        """Write rows, pull them all, and return the seconds that the pulls took."""
        self._write(rows)
        erp, accepted, began = self._services.erp(STORE), 0, time.perf_counter()
        while accepted < rows:
            accepted += pull(STORE, erp=erp, intake=self._intake).accepted
        took = time.perf_counter() - began
        self._require_all_answered()
        return took

    def _write(self, rows: int) -> None:
        numbers = range(self._written, self._written + rows)
        self._written += rows
        invoices = [
            {
                "account": STORE,
                "order_id": f"{number}-01",
                "kind": "invoice",
                "invoice_number": f"{number}",
                "value_cents": 999,
            }
            for number in numbers
        ]
        with self._tables.begin() as connection:
            connection.execute(sa.insert(ERP_COMMANDS), invoices)

    def _require_all_answered(self) -> None:
        unanswered = sa.select(sa.func.count()).where(ERP_COMMANDS.c.state != "accepted")
        with self._tables.connect() as connection:
            number = connection.execute(unanswered).scalar_one()
        if number:
            raise SystemExit(f"{number} rows were not accepted and answered.")


@contextmanager
def _running_erp(server: PostgresServer, round_trip: float) -> Iterator[_Erp]:
    """Yield an ERP whose database and broker are so far away."""
    name = server.create()
    upgrade(server.url(name))
    with TemporaryDirectory(prefix="orders-sync-bench-") as folder, ExitStack() as stack:
        broker = EmbeddedBroker(Path(folder))
        database_url, broker_url = server.url(name), broker.start()
        stack.callback(broker.stop)
        if round_trip:
            port = _relay_to(server.folder / ".s.PGSQL.5432", round_trip)
            database_url = f"postgresql://tests@127.0.0.1:{port}/{name}"
            address, _, number = broker_url.removesuffix("/0").rpartition(":")
            broker_url = f"{address}:{_relay_to(int(number), round_trip)}/0"
        account = AccountSettings(
            app_key="key",
            app_token="token",  # noqa: S106 - Nobody is called with it.
            erp_options={"url": database_url},
        )
        settings = Settings(
            accounts={STORE: account},
            home=Path(folder),
            broker_url=broker_url,
            ledger_url=database_url,
        )
        app = stack.enter_context(client_app(settings))
        stack.callback(app.services.close)
        # Makes the tables, before anything is written into them.
        app.services.erp(STORE).pull(None)
        tables = postgresql_engine(sa.make_url(server.url(name)), setting="url")
        stack.callback(tables.dispose)
        erp = _Erp(app, tables)
        # A worker that runs has its connections open.
        erp.pull(1)
        yield erp


def _relay_to(server: int | Path, round_trip: float) -> int:
    """Listen before a server's port or socket, and return the port of it."""
    relay = _Relay(server, round_trip / 2)
    threading.Thread(target=lambda: asyncio.run(relay.run()), daemon=True).start()
    until(lambda: relay.port > 0, "it listens", 10)
    return relay.port


class _Relay:
    """Passes on what comes, in its order, so many seconds later."""

    def __init__(self, server: int | Path, seconds: float) -> None:
        self.port = 0
        self._server = server
        self._seconds = seconds

    async def run(self) -> None:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        await listener.serve_forever()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if isinstance(self._server, Path):
            server, there = await asyncio.open_unix_connection(self._server)
        else:
            server, there = await asyncio.open_connection("127.0.0.1", self._server)
        await asyncio.gather(self._pass_on(client, there), self._pass_on(server, back))

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        later = partial(asyncio.get_running_loop().call_later, self._seconds)
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                later(target.write, data)
        later(target.close)


if __name__ == "__main__":
    main()
