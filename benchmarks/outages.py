"""How the whole recovers: real processes, the sandbox over HTTP, and figures by its own count.

    python -m benchmarks.outages [erp] [broker] [worker] [budget] [vtex]
                                 [--seconds 600] [--orders 5000] [--workers 3] [--per-minute 6000]

- `erp`: the ERP is away for so many seconds while so many orders come in, then it is back.
- `vtex`: VTEX answers 503 to everything for so many seconds, with an order a second coming in.
- `budget`: as many orders at once, with nothing wrong: how much of the budget is used.
- `broker`: it is restarted, killed, and killed with all that it held, under a steady flow.
- `worker`: one of them is killed while it is busy.

VTEX takes 100 ms a call, and 6,000 calls a minute unless told otherwise: where a machine is too
slow for that, a smaller budget shows what the limiter does. Without names all of them run, which
takes half an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.evidence import (
    Books,
    Meter,
    handled_at,
    is_settled,
    orders_coming_in,
    verdict,
)
from benchmarks.kills import broker, worker
from benchmarks.plant import Plant, percentile, until
from benchmarks.stage import PER_MINUTE, say, staged
from orders_sync.testing import away_erp

_WARM_UP = 50
_TEN = 10.0
#: Where this share is done, what is left no longer needs the whole budget.
_WHILE_THERE_IS_WORK = 0.95


def main() -> None:
    """Run what was asked for."""
    scenarios = {"erp": erp, "broker": broker, "worker": worker, "budget": budget, "vtex": vtex}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(scenarios))
    parser.add_argument("--seconds", type=float, default=600.0, help="how long it is away")
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--per-minute", type=int, default=PER_MINUTE, help="VTEX's budget")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(scenarios)
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(scenarios)}")
    for name in options.scenarios or scenarios:
        print(f"{name}:", flush=True)
        scenarios[name](options)


@contextmanager
def _away_erp_installed() -> Iterator[dict[str, str]]:
    """Give the environment of processes that find the adapter."""
    with TemporaryDirectory(prefix="orders-sync-bench-") as folder:
        away_erp.install(Path(folder))
        yield {"PYTHONPATH": folder}


def erp(options: argparse.Namespace) -> None:
    """Let orders wait for an ERP that is away."""
    with (
        _away_erp_installed() as environment,
        staged(
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
    """Let VTEX answer 503 to everything for a while."""
    with staged(options.workers, per_minute=options.per_minute) as plant:
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
        late = [handled[each] - back for each in old]
        say("seconds until half of what waited was handled", f"{percentile(late, 0.5):.1f}")
        say("seconds until all of it was", f"{max(late):.1f}")
        say("parked", Books(plant).parked())
        say("judged by VTEX and the ERP", verdict(plant))


def budget(options: argparse.Namespace) -> None:
    """Work off many orders with nothing wrong."""
    with staged(options.workers, per_minute=options.per_minute) as plant:
        _warm_up(plant)
        with Meter(plant) as meter:
            plant.admin("POST", "orders", count=options.orders)
            begin = time.time()
            until(lambda: is_settled(plant), "all is handled", 1800)
        _say_use(plant, meter, begin, options.per_minute)
        say("judged by VTEX and the ERP", verdict(plant))


def _warm_up(plant: Plant) -> None:
    plant.admin("POST", "orders", count=_WARM_UP)
    until(lambda: is_settled(plant), "the first orders are handled")


def _are_handled(plant: Plant, order_ids: list[str]) -> bool:
    handled = handled_at(plant.orders())
    return all(each in handled for each in order_ids)


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
    each = (meter.use(begin + _TEN * n, begin + _TEN * (n + 1), per_minute) for n in tens)
    say("the same, ten seconds each, in percent", " ".join(f"{100 * use:.0f}" for use in each))
    say("calls in the busiest minute", meter.busiest_minute())
    say("calls over the budget, as VTEX counts", meter.over_budget)


if __name__ == "__main__":
    main()
