from __future__ import annotations

import pytest
from unit.traffic.virtual_time import START

from orders_sync.traffic.limiter import DUE_HORIZON as KEPT_FOR
from orders_sync.traffic.limiter import SpareSlots
from orders_sync.traffic.waits import Lane

MOST = 8


@pytest.fixture
def slots() -> SpareSlots:
    return SpareSlots(MOST)


def _use_up(slots: SpareSlots, lane: Lane, now: int = START) -> int:
    """Make all the calls that may be made without asking, and count them."""
    count = 0
    while slots.take(now, lane):
        count += 1
    return count


def _ask(slots: SpareSlots, lane: Lane, now: int) -> int:
    """Ask for slots, be given all, and tell how many they were."""
    wanted, _ = slots.question(now, lane)
    slots.granted(now, lane, wanted - 1)
    return wanted


def test_so_many_calls_are_made_without_asking_as_were_granted(slots: SpareSlots) -> None:
    slots.granted(START, Lane.FETCH, 3)

    assert _use_up(slots, Lane.FETCH) == 3


def test_a_permit_that_is_not_used_soon_is_forfeited(slots: SpareSlots) -> None:
    slots.granted(START, Lane.FETCH, 3)

    taken = [slots.take(START + later, Lane.FETCH) for later in (KEPT_FOR - 1, KEPT_FOR)]

    assert taken == [True, False]


@pytest.mark.parametrize(
    ("lane", "taken"),
    [
        pytest.param(Lane.CANCEL, True, id="a higher lane"),
        pytest.param(Lane.FETCH, True, id="the same lane"),
        pytest.param(Lane.FEED, False, id="a lower lane"),
    ],
)
def test_a_permit_serves_its_own_lane_and_higher_ones(
    slots: SpareSlots, lane: Lane, taken: bool
) -> None:
    slots.granted(START, Lane.FETCH, 1)

    assert slots.take(START, lane) is taken


def test_a_lane_that_calls_all_the_time_asks_for_more_and_more(slots: SpareSlots) -> None:
    asked = []
    for _ in range(6):
        asked.append(_ask(slots, Lane.FETCH, START))
        _use_up(slots, Lane.FETCH)

    assert asked == [1, 2, 4, 8, 8, 8]


def test_a_lane_asks_for_as_many_as_it_used_of_late(slots: SpareSlots) -> None:
    slots.granted(START, Lane.FETCH, 7)
    for _ in range(2):
        slots.take(START, Lane.FETCH)

    assert _ask(slots, Lane.FETCH, START + KEPT_FOR) == 3


def test_a_lane_that_calls_now_and_then_asks_for_one(slots: SpareSlots) -> None:
    asked = [_ask(slots, Lane.FETCH, START + step * KEPT_FOR) for step in range(5)]

    assert asked == [1] * 5


def test_threads_that_ask_while_another_does_ask_for_one(slots: SpareSlots) -> None:
    for _ in range(4):
        _ask(slots, Lane.FETCH, START)
        _use_up(slots, Lane.FETCH)

    asked = [slots.question(START, Lane.FETCH)[0] for _ in range(3)]

    assert asked == [MOST, 1, 1]


def test_each_call_that_asked_nothing_is_told_once(slots: SpareSlots) -> None:
    slots.granted(START, Lane.FETCH, 3)
    _use_up(slots, Lane.CANCEL)

    told = [slots.question(START, lane)[1] for lane in (Lane.FEED, Lane.FETCH)]

    assert told == [3, 0]


def test_calls_that_a_refused_question_told_of_are_told_again(slots: SpareSlots) -> None:
    slots.granted(START, Lane.FETCH, 3)
    _use_up(slots, Lane.FETCH)
    _, untold = slots.question(START, Lane.FETCH)

    slots.refused(untold)

    assert slots.question(START, Lane.FETCH)[1] == 3
