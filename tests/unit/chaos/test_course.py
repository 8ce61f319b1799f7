from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chaos.course import Director
from chaos.timetable import Fault, Kind

from orders_sync.testing.clock import SettableClock

KILLED = Fault(5.0, Kind.KILLED, "worker1")
SLOW = Fault(6.0, Kind.VTEX_SLOW, seconds=10.0)


class World:
    """Writes down what begins and ends."""

    def __init__(self) -> None:
        self.happened: list[str] = []

    @contextlib.contextmanager
    def begin(self, fault: Fault) -> Iterator[None]:
        self.happened.append(f"{fault.kind} begins")
        yield
        self.happened.append(f"{fault.kind} ends")


def direct(world: World, clock: SettableClock) -> Director:
    return Director([KILLED, SLOW], world.begin, say=lambda _: None, clock=clock.epoch)


def test_a_fault_begins_when_it_is_due_and_ends_when_it_is_over(clock: SettableClock) -> None:
    world = World()
    director = direct(world, clock)

    seen = []
    for seconds in (4.9, 0.2, 1.0, 9.0, 1.0):
        clock.advance(seconds)
        director.tend()
        seen.append(list(world.happened))

    begun = ["killed begins", "killed ends", "vtex-slow begins"]
    assert seen[0] == []
    assert seen[1] == ["killed begins"]
    assert seen[2] == seen[3] == begun
    assert seen[4] == [*begun, "vtex-slow ends"]
    assert director.is_done
    assert director.begun == {Kind.KILLED: 1, Kind.VTEX_SLOW: 1}


def test_closing_ends_what_goes_on_and_lets_nothing_more_come(clock: SettableClock) -> None:
    world = World()
    director = direct(world, clock)
    clock.advance(5.5)
    director.tend()

    director.close()
    clock.advance(60)
    director.tend()

    assert world.happened == ["killed begins", "killed ends"]
    assert director.is_done
