from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.ledger_files import make_ledger
from support.waiting import until

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Dispatch, Queue, Step
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.errors import LedgerUnavailable
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade
from orders_sync.ledger.processes import SEEN_EVERY, SILENT_FOR
from orders_sync.ledger.wakeups import Windows, request_reads
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.testing.clock import SettableClock
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic
from orders_sync.worker.dispatcher import (
    DeliveryDispatcher,
    DeliveryMessage,
    Dispatcher,
    open_gates,
)
from orders_sync.worker.heartbeat import Heartbeat

STORE = "mystore"


class Process:
    """A worker process with connections of its own, whose thread of heartbeats is the test."""

    def __init__(
        self, settings: Settings, clock: SettableClock, name: str, traffic: Traffic | None = None
    ) -> None:
        self.name = name
        self.clock = clock
        self.services = Services(
            settings, clock=clock, random=random.Random(1), process=name, traffic=traffic
        )
        self.sent: list[Dispatch] = []
        self.deliveries: list[DeliveryMessage] = []
        dispatcher = Dispatcher(self.ledger, clock, self.sent.extend, _no_lengths, open_gates)
        self.heartbeat = Heartbeat(
            self.services,
            dispatcher,
            DeliveryDispatcher(self.ledger, clock, self.deliveries.extend, _no_lengths, 4),
            node=f"{name}@here",
            queues=set(Queue),
            threads=10,
            counter=clock.epoch,
        )

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger

    def beat(self) -> float:
        return self.heartbeat.beat()

    def dispatched(self) -> list[str]:
        """Beat, and return the orders that were dispatched by that."""
        self.sent.clear()
        self.beat()
        return [dispatch.order_id for dispatch in self.sent]

    def living(self) -> set[str]:
        return {worker.process for worker in self.ledger.processes.living(now=self.clock())}


def _no_lengths() -> Mapping[Queue, int]:
    return {}


@pytest.fixture
def start(tmp_path: Path, clock: SettableClock) -> Iterator[Callable[..., Process]]:
    account = AccountSettings(app_key="k", app_token="t")
    settings = Settings(accounts={STORE: account}, home=tmp_path)
    make_ledger(settings.ledger)
    started: list[Process] = []

    def start_one(name: str, traffic: Traffic | None = None) -> Process:
        started.append(Process(settings, clock, name, traffic))
        return started[-1]

    yield start_one
    for process in started:
        process.services.close()


@pytest.fixture
def first(start: Callable[..., Process]) -> Process:
    return start("first")


@pytest.fixture
def second(start: Callable[..., Process]) -> Process:
    return start("second")


def due(process: Process, order_id: str) -> None:
    """Have an order due that nobody dispatched."""
    with process.ledger.database.writing() as connection:
        nothing = Windows(account=0, total=0)
        request_reads(connection, STORE, [order_id], windows=nothing, now=process.clock())


def claim(process: Process, order_id: str) -> datetime:
    """Have a process claim an order; return the end of its lease."""
    due(process, order_id)
    orders, now = process.ledger.orders, process.clock()
    claimed = orders.claim(STORE, order_id, Step.FETCH, owner=process.name, now=now)
    assert claimed is not None
    return claimed.lease_until


def beat_for(seconds: float, *processes: Process) -> None:
    """Let time pass, with the beats of processes in it."""
    end = processes[0].clock() + timedelta(seconds=seconds)
    while processes[0].clock() < end:
        processes[0].clock.advance(1)
        for process in processes:
            process.beat()


def test_a_process_says_that_it_lives_and_what_it_serves(first: Process) -> None:
    first.beat()

    [worker] = first.ledger.processes.living(now=first.clock())
    assert (worker.process, worker.node, worker.threads) == ("first", "first@here", 10)
    assert worker.queues == set(Queue)


def test_a_process_that_beats_goes_on_living(first: Process) -> None:
    beat_for(60, first)

    assert first.living() == {"first"}


def test_a_beat_writes_that_it_lives_no_oftener_than_needed(first: Process) -> None:
    first.beat()
    [before] = first.ledger.processes.living(now=first.clock())

    first.clock.advance(SEEN_EVERY.total_seconds() - 0.1)
    first.beat()
    assert first.ledger.processes.living(now=first.clock()) == [before]
    first.clock.advance(0.1)
    first.beat()

    [after] = first.ledger.processes.living(now=first.clock())
    assert after.seen_at == first.clock()


def test_the_windows_of_a_process_grow_and_shrink_with_all_threads_that_live(
    first: Process, second: Process
) -> None:
    first.beat()
    alone = (first.ledger.windows.account, first.ledger.windows.total)

    beat_for(2, second, first)
    together = (first.ledger.windows.account, first.ledger.windows.total)
    beat_for(SILENT_FOR.total_seconds() + 2, first)

    assert (alone, together) == ((7, 30), (15, 60))
    assert (first.ledger.windows.account, first.ledger.windows.total) == alone


def test_a_process_that_is_silent_is_buried_and_its_work_goes_on(
    first: Process, second: Process
) -> None:
    beat_for(2, first, second)
    lease_until = claim(second, "1-01")
    died_at = second.clock()

    while "second" in first.living() or not first.dispatched():
        first.clock.advance(1)

    assert [dispatch.order_id for dispatch in first.sent] == ["1-01"]
    assert first.clock() - died_at <= timedelta(seconds=10)
    assert first.clock() < lease_until


def test_a_process_whose_ledger_is_a_later_versions_does_nothing_until_it_is_its_own(
    first: Process, tmp_path: Path
) -> None:
    own = upgrade(first.services.settings.ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as ledger:
        due(first, "1-01")
        ledger.execute("UPDATE orders_sync_version SET version_num = '9999'")
        while_later = first.dispatched()
        with pytest.raises(LedgerUnavailable, match="version 9999"):
            first.living()

        ledger.execute("UPDATE orders_sync_version SET version_num = ?", (own,))
    first.clock.advance(SEEN_EVERY.total_seconds())

    assert while_later == []
    assert first.dispatched() == ["1-01"]
    assert first.living() == {"first"}


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path)
    yield broker.start()
    broker.stop()


def test_a_buried_process_occupies_its_erp_no_longer(
    start: Callable[..., Process], redis_url: str
) -> None:
    def traffic(name: str) -> Traffic:
        shared = Shared(connect(redis_url))
        return Traffic(shared, {STORE: 60}, processes=2, random=random.Random(1), process=name)

    def permits(process: Process) -> int:
        assert process.services.traffic is not None
        return process.services.traffic.gates([STORE])[STORE].erp_permits

    first, second = (start(name, traffic(name)) for name in ("first", "second"))
    beat_for(2, first, second)
    all_permits = permits(first)
    assert second.services.traffic is not None
    with second.services.traffic.guard_erp(STORE, seconds=90):
        taken = permits(first)
        beat_for(SILENT_FOR.total_seconds() + 2, first)
        freed = permits(first)

    assert (taken, freed) == (all_permits - 1, all_permits)


def test_a_process_that_lives_keeps_what_it_has(first: Process, second: Process) -> None:
    beat_for(2, first, second)
    claim(second, "1-01")

    beat_for(30, first, second)

    assert first.sent == second.sent == []


def test_a_process_that_was_held_up_does_not_judge_who_is_dead(
    first: Process, second: Process
) -> None:
    beat_for(2, first, second)
    lease_until = claim(second, "1-01")

    first.clock.advance(60)  # As when the machine slept: nobody could beat.
    first.beat()
    second.beat()
    beat_for(4, first, second)

    assert first.living() == {"first", "second"}
    assert first.ledger.inquiries.story(STORE, "1-01")[0]["lease_until"] == lease_until  # type: ignore[index]


def test_a_process_that_has_just_begun_judges_nobody(first: Process, second: Process) -> None:
    beat_for(2, second)
    lease_until = claim(second, "1-01")
    second.clock.advance(SILENT_FOR.total_seconds())

    first.beat()

    assert first.ledger.inquiries.story(STORE, "1-01")[0]["lease_until"] == lease_until  # type: ignore[index]


def test_one_of_two_dispatches(first: Process, second: Process) -> None:
    first.beat()
    second.beat()
    due(first, "1-01")

    assert (second.dispatched(), first.dispatched()) == ([], ["1-01"])


def test_a_process_that_leads_goes_on_leading(first: Process, second: Process) -> None:
    beat_for(60, first, second)
    due(first, "1-01")

    assert (second.dispatched(), first.dispatched()) == ([], ["1-01"])


def test_the_other_one_dispatches_once_the_lease_is_over(first: Process, second: Process) -> None:
    beat_for(2, first, second)
    due(second, "1-01")

    first_at = second.clock()
    while not second.dispatched():
        second.clock.advance(1)

    assert second.clock() - first_at <= timedelta(seconds=5)


def test_the_other_one_dispatches_at_once_when_the_leader_is_stopped(
    first: Process, second: Process
) -> None:
    beat_for(2, first, second)
    due(second, "1-01")

    first.heartbeat.stop()

    assert second.dispatched() == ["1-01"]
    assert second.living() == {"second"}


def test_a_leader_that_was_overtaken_dispatches_nothing(first: Process, second: Process) -> None:
    beat_for(2, first, second)
    first.clock.advance(6)
    second.beat()
    due(second, "1-01")

    assert (first.dispatched(), second.dispatched()) == ([], ["1-01"])


def test_a_process_that_shuts_down_leaves_dispatching_to_others_and_still_lives(
    first: Process, second: Process
) -> None:
    beat_for(2, first, second)
    first.heartbeat.dispatch_no_more()
    due(first, "1-01")

    assert first.dispatched() == []
    assert second.dispatched() == ["1-01"]
    beat_for(10, first, second)

    assert first.living() == {"first", "second"}


def test_a_stopped_process_gives_back_what_it_had_at_once(first: Process, second: Process) -> None:
    beat_for(2, first, second)
    claim(second, "1-01")

    second.heartbeat.stop()

    assert first.dispatched() == ["1-01"]


def test_what_could_not_be_written_is_written_beside_the_beats(first: Process) -> None:
    """One write is held up for as long as the test lasts, and another fails."""
    is_over, done = threading.Event(), threading.Event()
    postponed = first.ledger.postponed
    postponed.add(lambda: 1 / 0)
    postponed.add(done.set)
    postponed.add(is_over.wait)
    first.heartbeat.start()
    try:
        until(done.is_set, "the write is done")
        until(lambda: first.living() == {"first"}, "it is seen to live")
        first.clock.advance(SEEN_EVERY.total_seconds())
        until(lambda: seen_at(first) == first.clock(), "it beats on")
    finally:
        is_over.set()
        first.heartbeat.stop()


def seen_at(process: Process) -> datetime | None:
    workers = process.ledger.processes.living(now=process.clock())
    return max((worker.seen_at for worker in workers), default=None)


def test_beats_follow_each_other_quickly_while_there_is_work(first: Process) -> None:
    quiet = first.beat()
    due(first, "1-01")

    assert first.beat() < 0.5 < quiet <= 1.0
