"""What one permit costs, and how much of a budget two processes of twenty threads use.

    python -m benchmarks.traffic --budget 6000 --seconds 30

Every call takes 100 ms; a call that must wait gives its thread back and comes again when told.
"""

from __future__ import annotations

import argparse
import heapq
import random
import tempfile
import threading
import time
from bisect import bisect_left
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.limiter import RateLimiter
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic

_PROCESSES = 2
_THREADS = 20
_LATENCY_SECONDS = 0.1
_PERMITS = 3000
_PLENTY = 10**7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        broker = EmbeddedBroker(Path(home))
        url = broker.start()
        try:
            _print_costs(url)
            _print_use(url, options.budget, options.seconds)
        finally:
            broker.stop()


def _print_costs(url: str) -> None:
    shared = Shared(connect(url))
    traffic = Traffic(shared, {"cost": _PLENTY}, processes=1, random=random.Random(1))  # noqa: S311
    for name, granted in (("permit", _permit), ("whole call", _whole_call)):
        granted(traffic)
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(_PERMITS):
            granted(traffic)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{name}: {cpu / _PERMITS * 1e6:.0f} us CPU, {wall / _PERMITS * 1e6:.0f} us in all")
    traffic.close()


def _permit(traffic: Traffic) -> None:
    traffic.limiter.acquire("cost", Lane.FETCH)


def _whole_call(traffic: Traffic) -> None:
    with traffic.call("cost", Lane.FETCH, "orders"):
        pass


def _print_use(url: str, budget: int, seconds: float) -> None:
    context = get_context("spawn")
    made: Queue[list[float]] = context.Queue()
    tasks = round(budget / 60 * seconds * 1.5 / _PROCESSES)
    crowd = [
        context.Process(target=_call_away, args=(url, budget, seconds, tasks, made))
        for _ in range(_PROCESSES)
    ]
    for each in crowd:
        each.start()
    times = sorted(at for _ in crowd for at in made.get())
    for each in crowd:
        each.join()
    span = (times[-1] - times[0]) / 60
    busiest = max(bisect_left(times, at + 1) - index for index, at in enumerate(times))
    print(
        f"{len(times)} calls in {span * 60:.1f} s: {len(times) / span / budget:.1%} of the budget"
    )
    print(f"busiest second: {busiest} calls")


def _call_away(url: str, budget: int, seconds: float, tasks: int, made: Queue[list[float]]) -> None:
    """Let one process's threads work on tasks that come back when they are told."""
    limiter = RateLimiter(Shared(connect(url)), {"use": budget}, processes=_PROCESSES)
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

    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.put(times)


if __name__ == "__main__":
    main()
