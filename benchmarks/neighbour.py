"""What an account suffers from another one that is in trouble.

    python -m benchmarks.neighbour [slow] [refused] [waiting]
                                   [--commands 5000] [--rows 100000] [--workers 2]
                                   [--build-up 30] [--patience 180]

- `slow`: the other account's ERP takes 20 s for each of 150 orders.
- `refused`: the other account's key is refused, with so many commands behind it.
- `waiting`: so many orders of the other account wait in the ledger for an ERP that is away.

In each of them account B gets 2 orders a second, and another service asks for the invoice of each
once the ERP has it: first while B is alone, then beside A. Printed are the times from an order's
event to its row in the ERP, and from a command to its effect in VTEX, as 99th percentiles with
their ratio, and the most messages that waited in the broker, by the number of threads. What is not
done after the patience counts as that long. Compare ratios; the times are this machine's.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from celery import Celery

from benchmarks.evidence import Books
from benchmarks.plant import (
    STORE,
    Plant,
    Sandbox,
    percentile,
    running_plant,
    running_sandbox,
    say,
    until,
)
from orders_sync.ledger.migrate import upgrade
from orders_sync.testing import away_erp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chaos import hanging_erp
from chaos.broker_contents import BrokerContents

_TESTS = sys.path[0]
_NEIGHBOUR = "neighbour"
_ORDERS = 60
_ORDER_EVERY_SECONDS = 0.5
_SLOW_ORDERS = 150
_SLOW_SECONDS = 20.0
_COMMANDS_AN_ORDER = 10
_THREADS_A_WORKER = 10


@dataclass(frozen=True, slots=True)
class Waits:
    """99th percentiles, in seconds: of orders until they were placed, of commands until sent."""

    placed: float
    sent: float


@dataclass(frozen=True, slots=True)
class Street:
    """Two accounts at one system: A is the plant's own, B its neighbour."""

    plant: Plant
    neighbour: Sandbox
    service: Celery
    broker: BrokerContents


def main() -> None:
    """Run what was asked for."""
    scenarios = {"slow": slow, "refused": refused, "waiting": waiting}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(scenarios))
    parser.add_argument("--commands", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--build-up", type=float, default=30.0, help="seconds of trouble alone")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(scenarios)
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(scenarios)}")
    for name in options.scenarios or scenarios:
        print(f"{name}:", flush=True)
        scenarios[name](options)


def slow(options: argparse.Namespace) -> None:
    """Compare while A's ERP takes 20 s for an order."""

    def begin(street: Street) -> None:
        hanging_erp.set_delay(street.plant.home, STORE, _SLOW_SECONDS)
        street.plant.admin("POST", "orders", count=_SLOW_ORDERS)

    _compare(options, hanging_erp.NAME, begin)


def refused(options: argparse.Namespace) -> None:
    """Compare while A's key is refused and thousands of its commands wait."""

    def begin(street: Street) -> None:
        plant = street.plant
        orders = options.commands // _COMMANDS_AN_ORDER
        made = plant.admin("POST", "orders", count=orders, handling=True)
        until(plant.feed_is_empty, "the road in is done with A's orders")
        plant.admin("PUT", "dials", revoked=True)
        for number in range(_COMMANDS_AN_ORDER):
            for order_id in made["order_ids"]:
                invoice = {"number": str(number), "value_cents": 1}
                _send(street, "invoice", STORE, order_id, invoice=invoice)
        until(lambda: _intake_length(plant) == 0, "A's commands are accepted")

    _compare(options, "staging", begin)


def waiting(options: argparse.Namespace) -> None:
    """Compare while very many orders of A wait for its ERP."""

    def begin(street: Street) -> None:
        away_erp.take_away(street.plant.home)
        street.plant.admin("POST", "orders", count=1)
        until(lambda: _multiply(street.plant, options.rows), "an order waits")

    _compare(options, away_erp.NAME, begin)


def _compare(options: argparse.Namespace, erp: str, begin: Callable[[Street], None]) -> None:
    """Measure B alone, then beside A in trouble."""
    with _running_street(options.workers, erp) as street:
        alone = _measure(street, options.patience)
        begin(street)
        _watch(street, options.build_up)
        beside = _measure(street, options.patience)
        for what in ("placed", "sent"):
            before, after = getattr(alone, what), getattr(beside, what)
            say(
                f"B's {'orders' if what == 'placed' else 'commands'} {what}, p99 alone and beside",
                f"{before:.2f} s, {after:.2f} s: {after / before:.1f} times",
            )
        threads = options.workers * _THREADS_A_WORKER
        most = street.broker.most_messages / threads
        say("messages in the broker a thread, at most", f"{most:.1f}")


@contextmanager
def _running_street(workers: int, erp: str) -> Iterator[Street]:
    with ExitStack() as stack:
        neighbour = stack.enter_context(running_sandbox(account=_NEIGHBOUR, seed=2))
        folder = stack.enter_context(_adapters())
        plant = stack.enter_context(
            running_plant(
                workers,
                flower=False,
                gateway=False,
                vtex_per_minute=None,
                more_accounts=(),
                neighbours=[neighbour],
                make_ledger=upgrade,
                environment={"PYTHONPATH": folder},
                **{f"ACCOUNTS__{STORE.upper()}__ERP": erp},
            )
        )
        service = stack.enter_context(Celery(broker=plant.broker_url))
        broker = BrokerContents(plant.broker_url, plant.home / "keys.dump")
        stack.callback(broker.close)
        # The ERP's tables are there from the first order on.
        neighbour.admin("POST", "orders", count=1)
        until(lambda: neighbour.in_handling() == 1, "B's first order is handled")
        yield Street(plant, neighbour, service, broker)


@contextmanager
def _adapters() -> Iterator[str]:
    """Yield the PYTHONPATH of processes that find both adapters."""
    with TemporaryDirectory(prefix="orders-sync-bench-") as folder:
        away_erp.install(Path(folder))
        hanging_erp.install(Path(folder) / "hanging")
        yield os.pathsep.join([folder, f"{folder}/hanging", _TESTS])


def _measure(street: Street, patience: float) -> Waits:
    """Create B's orders, and send the invoice of each that was placed.

    The first one, which finds an account that has had nothing to do for a while, is not counted.
    """
    handled = street.neighbour.in_handling()
    street.neighbour.admin("POST", "orders", count=1)
    until(lambda: street.neighbour.in_handling() > handled, "B is awake")
    made: dict[str, float] = {}
    asked: dict[str, float] = {}
    last = time.time() + _ORDERS * _ORDER_EVERY_SECONDS
    due = time.time()
    while time.time() < last + patience:
        if len(made) < _ORDERS and time.time() >= due:
            due += _ORDER_EVERY_SECONDS
            (order_id,) = street.neighbour.admin("POST", "orders", count=1)["order_ids"]
            made[order_id] = time.time()
        for order_id in made.keys() & Books(street.plant).in_erp(_NEIGHBOUR).keys() - asked.keys():
            asked[order_id] = time.time()
            _send(street, "invoice", _NEIGHBOUR, order_id, invoice={"number": "1"})
        if len(made) == _ORDERS and made.keys() <= street.neighbour.invoiced_at().keys():
            break
        _watch(street, 0.1)
    placed, sent, end = (
        Books(street.plant).in_erp(_NEIGHBOUR),
        street.neighbour.invoiced_at(),
        time.time(),
    )
    return Waits(
        percentile([placed.get(each, end) - at for each, at in made.items()], 0.99),
        percentile([sent.get(each, end) - asked.get(each, at) for each, at in made.items()], 0.99),
    )


def _watch(street: Street, seconds: float) -> None:
    until_then = time.monotonic() + seconds
    while True:
        street.broker.measure()
        if time.monotonic() >= until_then:
            return
        time.sleep(0.1)


def _send(street: Street, name: str, account: str, order_id: str, **arguments: object) -> None:
    kwargs = {"account": account, "order_id": order_id, **arguments}
    street.service.send_task(f"orders_sync.{name}", kwargs=kwargs)


def _intake_length(plant: Plant) -> int:
    with redis.Redis.from_url(plant.broker_url) as client:
        return int(client.llen("celery"))


def _multiply(plant: Plant, count: int) -> bool:
    """Copy an order that waits in the ledger, each copy like it but for its id.

    Return whether there was one.
    """
    path = plant.home / "ledger.sqlite3"
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        table = connection.execute("PRAGMA table_info(orders)").fetchall()
        columns = [row[1] for row in table if not (row[5] and row[2] == "INTEGER")]
        values = [
            "'waits-' || number || '-01'" if name == "order_id" else f'"{name}"' for name in columns
        ]
        connection.execute(
            "WITH RECURSIVE numbers(number) AS "  # noqa: S608 - our own names.
            "(SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?) "
            f"INSERT INTO orders ({', '.join(columns)}) SELECT {', '.join(values)} "
            "FROM numbers, (SELECT * FROM orders WHERE standing = 'waiting' LIMIT 1)",
            (count,),
        )
        return connection.total_changes > 0


if __name__ == "__main__":
    main()
