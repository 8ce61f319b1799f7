"""What one permit costs, and how much of a budget some processes of twenty threads use.

    python -m benchmarks.traffic --budget 6000 --seconds 70 --processes 4

A permit's cost is measured with a budget that is far off, and at a steady pace below a budget
like the default, where permits are shared by fewer calls. Then there is more work than the budget
allows. Every call takes 100 ms; a call that must wait gives its thread back and comes again when
told. Calls over the budget are counted as the sandbox counts them.

Last, in virtual time: how much is used of a limit of VTEX's that is smaller than the budget, of a
budget with stray 429s, and how soon the pace is back after a storm of them.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from unit.traffic.crowd import Crowd, Limit
from unit.traffic.limits import FixedWindow, SlidingWindow, Storm
from unit.traffic.virtual_time import VirtualTime

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.sandbox.dials import RateLimit
from orders_sync.traffic.limiter import RateLimiter
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import Lane

_THREADS = 20
_LATENCY_SECONDS = 0.1
_PERMITS = 3000
_PLENTY = 10**7
#: A bucket is full after this time, as it is wherever the budget is far off.
_REST_SECONDS = 1.0
_STEADY_BUDGET = 5400
_STEADY_A_SECOND = 45
_STEADY_SECONDS = 8.0
_SET = 5400
_TRUE = 3000
_MINUTES = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        broker = EmbeddedBroker(Path(home))
        url = broker.start()
        try:
            _print_costs(url)
            _print_steady_cost(url)
            _print_use(url, options.budget, options.seconds, options.processes)
            _print_pace(url)
        finally:
            broker.stop()


def _print_costs(url: str) -> None:
    shared = Shared(connect(url))
    traffic = Traffic(shared, {"cost": _PLENTY}, processes=1, random=random.Random(1))  # noqa: S311
    for name, granted in (("permit", _permit), ("whole call", _whole_call)):
        granted(traffic)
        time.sleep(_REST_SECONDS)
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(_PERMITS):
            granted(traffic)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{name}: {cpu / _PERMITS * 1e6:.0f} us CPU, {wall / _PERMITS * 1e6:.0f} us in all")
    traffic.close()


def _print_steady_cost(url: str) -> None:
    """Print what a permit costs a process whose threads call at a steady pace, half the budget."""
    limiter = RateLimiter(Shared(connect(url)), {"steady": _STEADY_BUDGET}, processes=1)
    nothing, _ = _steadily(lambda: None)
    before = _questions(url)
    cpu, calls = _steadily(lambda: limiter.acquire("steady", Lane.FETCH))
    questions = (_questions(url) - before) / calls
    print(
        f"permit at {_STEADY_A_SECOND} calls/s of {_STEADY_BUDGET}/min: "
        f"{(cpu - nothing) * 1e6:.0f} us CPU, {questions:.2f} questions to Redis"
    )


def _steadily(call: Callable[[], object]) -> tuple[float, int]:
    """Call from all threads in turn; give the CPU seconds a call, and the calls."""
    calls, begin = round(_STEADY_SECONDS * _STEADY_A_SECOND), time.monotonic()
    turns = iter([begin + number / _STEADY_A_SECOND for number in range(calls)])

    def work() -> None:
        for turn in turns:
            time.sleep(max(0.0, turn - time.monotonic()))
            call()

    cpu = time.process_time()
    _run_threads(work)
    return (time.process_time() - cpu) / calls, calls


def _run_threads(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _questions(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("commandstats")["cmdstat_evalsha"]["calls"])


def _permit(traffic: Traffic) -> None:
    traffic.limiter.acquire("cost", Lane.FETCH)


def _whole_call(traffic: Traffic) -> None:
    with traffic.call("cost", Lane.FETCH, "orders"):
        pass


def _print_use(url: str, budget: int, seconds: float, processes: int) -> None:
    context = get_context("spawn")
    made: Queue[list[float]] = context.Queue()
    tasks = round(budget / 60 * seconds * 1.5 / processes)
    crowd = [
        context.Process(target=_call_away, args=(url, budget, seconds, tasks, made))
        for _ in range(processes)
    ]
    for each in crowd:
        each.start()
    times = sorted(at for _ in crowd for at in made.get())
    for each in crowd:
        each.join()
    span = (times[-1] - times[0]) / 60
    limit = RateLimit(budget)
    over = sum(limit.take(at) is not None for at in times)
    print(
        f"{processes} processes: {len(times)} calls in {span * 60:.1f} s, "
        f"{len(times) / span / budget:.1%} of the budget, {over} over it"
    )
    for name, window in (("minute", 60), ("second", 1)):
        busiest = max(bisect_left(times, at + window) - index for index, at in enumerate(times))
        print(f"busiest {name}: {busiest} calls")


def _print_pace(url: str) -> None:
    limits: list[tuple[str, Limit, int]] = [
        ("token bucket of 10 s", RateLimit(_TRUE), _TRUE),
        ("a minute, with Retry-After", FixedWindow(_TRUE, says=True), _TRUE),
        ("a minute, without", FixedWindow(_TRUE, says=False), _TRUE),
        ("any minute, without", SlidingWindow(_TRUE), _TRUE),
        ("1 % stray, Retry-After 1", Storm(0.01, 1), _SET),
        ("1 % stray, without", Storm(0.01, -1), _SET),
        ("3 % stray, Retry-After 1", Storm(0.03, 1), _SET),
    ]
    for name, limit, true in limits:
        crowd = _crowd(url, name, limit)
        crowd.run([(0.0, Lane.FETCH)] * 100, seconds=60 * _MINUTES)
        used = crowd.total(0, 60 * _MINUTES) / true / _MINUTES
        last = crowd.total(60, 60 * _MINUTES) / true / (_MINUTES - 1)
        print(
            f"{_SET} set, {true} accepted, {name}: {used:.1%} used ({last:.1%} after a minute), "
            f"{crowd.part_refused():.2%} refused"
        )
    for part in (0.5, 1.0):
        crowd = _crowd(url, f"storm {part}", Storm(part, 1, since=20, until=50))
        crowd.run([(0.0, Lane.FETCH)] * 100, seconds=90)
        windows = (at for at in range(50, 85) if crowd.total(at, at + 5) >= 0.95 * _SET / 12)
        back = next(windows, 85) - 50
        print(f"{part:.0%} of the calls refused for 30 s: back at 95 % {back} s after its end")


def _crowd(url: str, account: str, limit: Limit) -> Crowd:
    """Make a crowd of three processes, in a time that only they move."""
    time, sleeps = VirtualTime(), list[float]()
    limiters = [
        RateLimiter(
            Shared(connect(url), clock=time.clock, server_micros=time.server),
            {account: _SET},
            processes=3,
            clock=time.clock,
            sleep=sleeps.append,
        )
        for _ in range(3)
    ]
    return Crowd(account, limiters, time, sleeps, limit=limit, endless=True)


def _call_away(url: str, budget: int, seconds: float, tasks: int, made: Queue[list[float]]) -> None:
    """Work in one process's threads on tasks that come back when they are told."""
    limiter = RateLimiter(Shared(connect(url)), {"use": budget}, processes=1)
    due, lock, times = [0.0] * tasks, threading.Lock(), list[float]()
    end = time.time() + seconds

    def work() -> None:
        while (now := time.time()) < end and due:
            with lock:
                task = heapq.heappop(due) if due and due[0] <= now else None
            if task is None:
                time.sleep(0.005)
            elif wait := limiter.acquire("use", Lane.FETCH):
                with lock:
                    heapq.heappush(due, now + wait.seconds)
            else:
                times.append(time.time())
                time.sleep(_LATENCY_SECONDS)

    _run_threads(work)
    made.put(times)


if __name__ == "__main__":
    main()
