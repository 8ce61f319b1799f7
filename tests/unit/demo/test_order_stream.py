from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from orders_sync.demo.order_stream import TROUBLES, OrderStream, mix
from orders_sync.demo.run import Killing
from orders_sync.sandbox import Trouble
from orders_sync.testing.clock import SettableClock


@pytest.mark.parametrize(
    ("orders", "each"),
    [
        pytest.param(49, 0, id="few orders are plain"),
        pytest.param(50, 1, id="fifty have one of each trouble"),
        pytest.param(200, 4, id="more have more"),
    ],
)
def test_a_demo_has_orders_with_every_trouble(orders: int, each: int) -> None:
    troubles = Counter(mix(orders, Random(1)))

    assert troubles.total() == orders
    assert {troubles[trouble] for trouble in TROUBLES} == {each}
    assert troubles["plain"] == orders - each * len(TROUBLES)


def test_a_demo_knows_every_trouble_of_the_sandbox() -> None:
    assert set(TROUBLES) == set(Trouble) - {Trouble.PLAIN}


def test_the_same_seed_mixes_the_same_orders() -> None:
    assert mix(200, Random(7)) == mix(200, Random(7))
    assert mix(200, Random(7)) != mix(200, Random(8))


def test_orders_are_poured_in_over_time(clock: SettableClock) -> None:
    created: list[tuple[str, int]] = []
    troubles = ["plain"] * 9 + ["vanished"] + ["plain"] * 2 + ["replaced"]
    stream = OrderStream(troubles, lambda *batch: created.append(batch), clock.epoch)

    stream.tend()
    stream.tend()
    first = list(created)
    clock.advance(0.25)
    stream.tend()
    clock.advance(0.25)
    stream.tend()

    assert first == [("plain", 9), ("vanished", 1)]
    assert created == [*first, ("plain", 2), ("replaced", 1)]
    assert stream.is_done
    assert stream.poured == 13
    assert stream.to_take_over == 11
    assert stream.ended == 1


def test_a_pouring_that_was_kept_waiting_catches_up(clock: SettableClock) -> None:
    stream = OrderStream(["plain"] * 30, lambda *_: None, clock.epoch)
    clock.advance(0.5)

    for _ in range(3):
        stream.tend()

    assert stream.is_done


def test_workers_are_killed_every_few_seconds(clock: SettableClock) -> None:
    killed: list[str] = []

    def kill(name: str) -> bool:
        killed.append(name)
        return name == "worker1"

    killing = Killing(["worker1", "worker2"], kill, Random(3), clock.epoch)

    killing.tend()
    at_once = list(killed)
    for _ in range(20):
        clock.advance(7)
        killing.tend()

    assert at_once == []
    assert len(killed) == 20
    assert set(killed) == {"worker1", "worker2"}
    assert killing.killed == killed.count("worker1")
