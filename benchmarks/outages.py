"""How the whole recovers: real processes, the sandbox over HTTP, and figures by its own count.

    python -m benchmarks.outages [erp] [broker] [disk] [ledger] [worker] [budget] [vtex]
                                 [--seconds 600] [--orders 5000] [--workers 3] [--per-minute 6000]
                                 [--waiting 1000000]

- `erp`: the ERP is away for so many seconds while so many orders come in, then it is back.
- `vtex`: VTEX answers 503 to everything for so many seconds, with an order a second coming in.
- `budget`: as many orders at once, with nothing wrong: how much of the budget is used.
- `broker`: it is restarted, killed, and killed with all that it held, under a steady flow; with
  `--waiting` only the last, while so many due commands of the account are in the ledger, and the
  ERP of another account asks for invoices.
- `disk`: the one of everything is full for a while, under a steady flow; needs root on Linux.
- `ledger`: its PostgreSQL is restarted, and crashes, under a steady flow.
- `worker`: one of them is killed while it is busy.

VTEX takes 100 ms a call, and 6,000 calls a minute unless told otherwise: where a machine is too
slow for that, a smaller budget shows what the limiter does. Without names all of them run, which
takes half an hour.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import redis

from benchmarks.evidence import (
    Books,
    Meter,
    handled_at,
    is_settled,
    orders_coming_in,
    verdict,
)
from benchmarks.ledger import fill_in, new_postgres
from benchmarks.plant import (
    PER_MINUTE,
    Plant,
    beside,
    percentile,
    running_at_vtex_pace,
    running_sandbox,
    say,
    until,
)
from orders_sync.embedded.broker import broker_folder
from orders_sync.ledger.migrate import upgrade
from orders_sync.testing import away_erp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.full_ledger import fill_waiting

_WARM_UP = 50
_TEN = 10.0

#: Where this share is done, what is left no longer needs the whole budget.
_WHILE_THERE_IS_WORK = 0.95
_BACKLOG = 400
_A_SECOND = 5.0
_AWAY_SECONDS = 5.0

_MOUNT = ("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs")

_NEIGHBOUR = "neighbour"
_INVOICES = 200
_INVOICE_EVERY_SECONDS = 0.5

_LATE_SECONDS = 60.0  # What nobody waits for has begun by then.


def main() -> None:
    """Run what was asked for."""
    scenarios = {
        "erp": erp,
        "broker": broker,
        "disk": disk,
        "ledger": ledger,
        "worker": worker,
        "budget": budget,
        "vtex": vtex,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(scenarios))
    parser.add_argument("--seconds", type=float, default=600.0, help="how long it is away")
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--per-minute", type=int, default=PER_MINUTE, help="VTEX's budget")
    parser.add_argument("--waiting", type=int, default=0, help="commands in the ledger")
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(scenarios):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(scenarios)}")
    for name in options.scenarios or scenarios:
        print(f"{name}:", flush=True)
        scenarios[name](options)


@contextmanager
def _away_erp_installed() -> Iterator[dict[str, str]]:
    """Yield the environment of processes that find the adapter."""
    with TemporaryDirectory(prefix="orders-sync-bench-") as folder:
        away_erp.install(Path(folder))
        yield {"PYTHONPATH": folder}


def erp(options: argparse.Namespace) -> None:
    """Measure how orders go on that waited for an ERP that was away."""
    with (
        _away_erp_installed() as environment,
        running_at_vtex_pace(
            options.workers,
            per_minute=options.per_minute,
            erp=away_erp.NAME,
            environment=environment,
        ) as plant,
    ):
        books = Books(plant)
        _warm_up(plant)
        away_erp.take_away(plant.home)
        end = time.monotonic() + options.seconds
        with Meter(plant) as meter:
            with orders_coming_in(plant, options.orders / options.seconds):
                time.sleep(max(0.0, end - time.monotonic()))
            _say_where(plant)
            say("calls to the ERP while it was away", away_erp.calls_in_vain(plant.home))
            away_erp.give_back(plant.home)
            back = time.time()
            until(lambda: is_settled(plant), "what waited is handled", 1800)
        placed = sorted(at for at in books.in_erp().values() if at > back)
        say("seconds from its return to the first hand-over", f"{placed[0] - back:.1f}")
        say("parked", books.parked())
        _say_use(plant, meter, placed[0], options.per_minute)
        say("judged by VTEX and the ERP", verdict(plant))


def vtex(options: argparse.Namespace) -> None:
    """Measure how orders go on after VTEX answered 503 to everything for a while."""
    with running_at_vtex_pace(options.workers, per_minute=options.per_minute) as plant:
        _warm_up(plant)
        with orders_coming_in(plant, 1.0):
            plant.admin("PUT", "dials", unavailable=1.0)
            before = plant.admin("GET", "report")["calls_total"]
            time.sleep(options.seconds)
            _say_where(plant)
            calls = plant.admin("GET", "report")["calls_total"] - before
            say("calls a minute while it was away", f"{calls / options.seconds * 60:.0f}")
            plant.admin("PUT", "dials", unavailable=0.0)
            back = time.time()
            old = [o["order_id"] for o in plant.orders() if o["status"] != "handling"]
            until(lambda: _are_handled(plant, old), "what waited is handled", 1800)
        until(lambda: is_settled(plant), "all is handled")
        handled = handled_at(plant.orders())
        times = sorted(at - back for at in handled.values() if at > back)
        say("seconds from its return to the first order handled", f"{times[0]:.1f}")
        late = [handled[order_id] - back for order_id in old]
        say("seconds until half of what waited was handled", f"{percentile(late, 0.5):.1f}")
        say("seconds until all of it was", f"{max(late):.1f}")
        say("parked", Books(plant).parked())
        say("judged by VTEX and the ERP", verdict(plant))


def budget(options: argparse.Namespace) -> None:
    """Work off many orders with nothing wrong."""
    with running_at_vtex_pace(options.workers, per_minute=options.per_minute) as plant:
        _warm_up(plant)
        with Meter(plant) as meter:
            plant.admin("POST", "orders", count=options.orders)
            begin = time.time()
            until(lambda: is_settled(plant), "all is handled", 1800)
        _say_use(plant, meter, begin, options.per_minute)
        say("judged by VTEX and the ERP", verdict(plant))


def broker(options: argparse.Namespace) -> None:
    """Take the broker away under a steady flow, in three ways, or beside much that waits."""
    if options.waiting:
        _interrupt_beside_waiting(options)
        return
    for way in ("restarted", "killed", "killed and emptied"):
        with running_at_vtex_pace(options.workers) as plant:
            print(f"  {way}:", flush=True)
            _without(plant, _broker_away(plant, way))


def ledger(options: argparse.Namespace) -> None:
    """Take the ledger's PostgreSQL away under a steady flow, in two ways."""
    for way, mode in (("restarted", "fast"), ("crashed", "immediate")):
        with new_postgres() as server:
            url = server.url(server.create())
            upgrade(url)
            environment = {"ORDERS_SYNC_LEDGER_URL": url}
            with running_at_vtex_pace(options.workers, environment=environment) as plant:
                print(f"  {way}:", flush=True)
                _without(plant, server.stopped(mode))


def disk(options: argparse.Namespace) -> None:
    """Fill up the disk on which broker, ledger, ERP and logs are."""
    with _small_disk() as small, running_at_vtex_pace(options.workers) as plant:
        _without(plant, _full(small))


def worker(options: argparse.Namespace) -> None:
    """Kill one busy worker."""
    with running_at_vtex_pace(options.workers) as plant:
        victim = plant.children["worker1"]
        books = Books(plant)
        plant.admin("POST", "orders", count=_BACKLOG)
        until(lambda: plant.in_handling() > _BACKLOG // 4, "the workers are busy")
        victim.kill()
        killed, orders = time.time(), books.worked_on_by(victim.pid or 0)
        known = books.known().keys()
        until(lambda: is_settled(plant), "all is handled")
        first = {
            order["order_id"]: min(call["at"] for call in order["calls"] if call["at"] > killed)
            - killed
            for order in plant.orders()
            if order["calls"][-1]["at"] > killed
        }
        went_on = [first[each] for each in orders]
        say("orders that the killed worker was busy with", len(orders))
        if went_on:
            say("seconds until they went on, median", f"{median(went_on):.1f}")
            say("seconds until they went on, longest", f"{max(went_on):.1f}")
        unread = [first[each] for each in first.keys() - known if first[each] > _LATE_SECONDS]
        if unread:
            say("orders whose events it had taken and not recorded", len(unread))
            say("seconds until VTEX gave them again", f"{max(unread):.1f}")
        say("judged by VTEX and the ERP", verdict(plant))


def _without(plant: Plant, away: AbstractContextManager[None]) -> None:
    """Take something away from a busy system for a while, and measure how that goes on."""
    plant.admin("POST", "orders", count=_BACKLOG)
    with orders_coming_in(plant, _A_SECOND):
        until(lambda: plant.in_handling() > _BACKLOG // 4, "the workers are busy")
        with away:
            time.sleep(_AWAY_SECONDS)
            waiting = {o["order_id"] for o in plant.orders()} - handled_at(plant.orders()).keys()
        back = time.time()
        until(lambda: waiting <= handled_at(plant.orders()).keys(), "what waited is handled")
    everything = [order["order_id"] for order in plant.orders()]
    until(lambda: _are_handled(plant, everything), "all is handled")
    handled = handled_at(plant.orders())
    times = [handled[order_id] - back for order_id in waiting]
    say("seconds from its return to the first order handled", f"{min(times):.1f}")
    say(f"seconds until all {len(times)} orders that waited were", f"{max(times):.1f}")
    say("judged by VTEX and the ERP", verdict(plant))


@contextmanager
def _small_disk() -> Iterator[Path]:
    """Keep all temporary files on a small disk of their own."""
    with TemporaryDirectory(prefix="orders-sync-bench-") as folder:
        subprocess.run([*_MOUNT, folder], check=True)  # noqa: S603 - Its words are written here.
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before
            subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S603, S607 - As above.


@contextmanager
def _full(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        filler.unlink()


def _interrupt_beside_waiting(options: argparse.Namespace) -> None:
    def make_ledger(url: str) -> None:
        upgrade(url)
        add = partial(fill_waiting, commands=options.waiting, now=datetime.now(UTC))
        fill_in(url, f"{options.waiting:,} waiting commands", add)

    with (
        running_sandbox(account=_NEIGHBOUR, seed=2) as neighbour,
        running_at_vtex_pace(
            options.workers, neighbours=[neighbour], make_ledger=make_ledger
        ) as plant,
    ):
        made = neighbour.admin("POST", "orders", count=_INVOICES)["order_ids"]
        until(lambda: neighbour.in_handling() == _INVOICES, "the neighbour's orders are handled")
        with orders_coming_in(plant, _A_SECOND), _invoices_asked_for(plant, made):
            until(lambda: plant.in_handling() > _WARM_UP, "orders are handled")
            until(lambda: len(neighbour.invoiced_at()) > _WARM_UP / 10, "invoices are sent")
            with _broker_away(plant, "killed and emptied"):
                time.sleep(_AWAY_SECONDS)
            back = time.time()
            _say_first("order handled", back, lambda: handled_at(plant.orders()))
            _say_first("command of another account", back, neighbour.invoiced_at)
        say("waiting commands that were tried so far", Books(plant).parked())


def _say_first(what: str, back: float, times: Callable[[], Mapping[str, float]]) -> None:
    until(lambda: max(times().values()) > back, f"the first {what}")
    first = min(at - back for at in times().values() if at > back)
    say(f"seconds from its return to the first {what}", f"{first:.1f}")


@contextmanager
def _invoices_asked_for(plant: Plant, order_ids: Sequence[str]) -> Iterator[None]:
    """Have the neighbour's ERP ask for the invoices of orders, one after the other."""

    def ask(ended: threading.Event) -> None:
        for order_id in order_ids:
            if ended.wait(_INVOICE_EVERY_SECONDS):
                return
            path = plant.home / "erp.sqlite3"
            with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
                connection.execute(
                    "INSERT INTO erp_commands (account, order_id, kind, invoice_number) "
                    "VALUES (?, ?, 'invoice', '1')",
                    (_NEIGHBOUR, order_id),
                )

    with beside(ask):
        yield


@contextmanager
def _broker_away(plant: Plant, way: str) -> Iterator[None]:
    server = plant.children["broker"]
    if way == "restarted":
        server.terminate()
        server.ended_within(30)
    server.kill()
    if way == "killed and emptied":
        shutil.rmtree(broker_folder(plant.home) / "appendonlydir")
    yield
    server.start()
    until(lambda: _answers(plant.broker_url), "the broker is back", 60)


def _answers(url: str) -> bool:
    with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=2) as client:
        return bool(client.ping())
    return False


def _warm_up(plant: Plant) -> None:
    plant.admin("POST", "orders", count=_WARM_UP)
    until(lambda: is_settled(plant), "the first orders are handled")


def _are_handled(plant: Plant, order_ids: list[str]) -> bool:
    handled = handled_at(plant.orders())
    return all(order_id in handled for order_id in order_ids)


def _say_where(plant: Plant) -> None:
    books = Books(plant)
    waiting = books.waiting_for()
    in_all = int(plant.admin("GET", "report")["orders"])
    say("orders that wait in VTEX's feed alone", in_all - len(books.known()))
    say("orders that wait in the ledger", sum(waiting.values()))
    for cause, number in waiting.items():
        say(f"- {cause}", number)


def _say_use(plant: Plant, meter: Meter, begin: float, per_minute: int) -> None:
    handled = sorted(at for at in handled_at(plant.orders()).values() if at > begin)
    worked = handled[int(len(handled) * _WHILE_THERE_IS_WORK) - 1]
    seconds = handled[-1] - begin
    say("orders handled, and in how many seconds", f"{len(handled)}, {seconds:.1f}")
    use = meter.use(begin, worked, per_minute)
    say("of the budget used while there was work (95 % of them)", f"{use:.1%}")
    say("of the budget used until the last", f"{meter.use(begin, handled[-1], per_minute):.1%}")
    tens = range(int((handled[-1] - begin) // _TEN))
    shares = (meter.use(begin + _TEN * n, begin + _TEN * (n + 1), per_minute) for n in tens)
    say("the same, ten seconds each, in percent", " ".join(f"{100 * use:.0f}" for use in shares))
    say("calls in the busiest minute", meter.busiest_minute())
    say("calls over the budget, as VTEX counts", meter.over_budget)


if __name__ == "__main__":
    main()
