"""What becomes of the budget when many tasks want to call at once, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from unit.traffic.crowd import Asker, Crowd
from unit.traffic.virtual_time import START

from orders_sync.traffic.bucket import DUE_AFTER, Answer, Bucket
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.plan import SECOND, Plan


def _crowd(budget: int, *, processes: int = 2, seed: int = 1) -> tuple[Crowd, Bucket]:
    bucket = Bucket(Plan.of(budget))
    return Crowd(Asker(bucket, processes), processes=processes, seed=seed), bucket


def _at(seconds: float, lane: Lane, count: int) -> list[tuple[int, Lane]]:
    return [(START + round(seconds * SECOND), lane)] * count


def _bursts(budget: int, seconds: int, drawn: random.Random) -> Iterator[tuple[int, Lane]]:
    """Draw bursts over all lanes that want half as much again as the budget gives."""
    wanted = budget * seconds // 40
    while wanted > 0:
        size = min(wanted, drawn.randrange(1, budget // 4))
        yield from _at(drawn.uniform(0, seconds), drawn.choice(list(Lane)), size)
        wanted -= size


@pytest.mark.parametrize("budget", [60, 600, 6000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bursts_of_all_lanes_never_exceed_the_budget_in_any_minute(budget: int, seed: int) -> None:
    crowd, _ = _crowd(budget, processes=4, seed=seed)

    crowd.run(_bursts(budget, 240, random.Random(seed)), seconds=240)

    assert crowd.in_any_minute() <= budget


@pytest.mark.parametrize("lane", [Lane.CANCEL, Lane.FETCH, Lane.RECONCILE])
@pytest.mark.parametrize(("budget", "tasks"), [(600, 2000), (6000, 18_000)])
def test_any_lane_alone_uses_the_budget_while_it_has_work(
    budget: int, tasks: int, lane: Lane
) -> None:
    crowd, _ = _crowd(budget)

    crowd.run(_at(0, lane, tasks), seconds=130)

    assert crowd.total(5, 125) >= 0.95 * budget * 2


def test_a_task_waits_hardly_more_than_twice_before_it_calls() -> None:
    crowd, _ = _crowd(6000)

    crowd.run(_at(0, Lane.FETCH, 5000), seconds=60)

    assert len(crowd.made) == 5000
    assert len(crowd.denied) <= 1.5 * 5000


def test_tasks_that_wait_do_not_come_back_together() -> None:
    crowd, _ = _crowd(6000)

    crowd.run(_at(0, Lane.FETCH, 1000), seconds=60)

    back = [at for at, task in crowd.made if task.waits]
    busiest = max(sum(at <= each < at + SECOND for each in back) for at in back)
    assert busiest <= 100 + Plan.of(6000).burst


def _steadily(a_second: int, seconds: int) -> Iterator[tuple[int, Lane]]:
    """Let orders come evenly: each is fetched, and its handling is started."""
    for number in range(a_second * seconds // 2):
        at = 2 * number / a_second
        yield from _at(at, Lane.FETCH, 1)
        yield from _at(at + 1 / a_second, Lane.START_HANDLING, 1)


@pytest.mark.parametrize(
    ("budget", "a_second", "most"),
    [
        pytest.param(5400, 80, 0.3, id="the default, nine tenths used"),
        pytest.param(5400, 4, 1.0, id="the default, little to do"),
        pytest.param(60_000, 200, 0.2, id="a large budget"),
    ],
)
def test_several_calls_share_one_question_where_slots_are_left_unused(
    budget: int, a_second: int, most: float
) -> None:
    asker = Asker(Bucket(Plan.of(budget), next_slot=START), 2)
    crowd = Crowd(asker)

    crowd.run(_steadily(a_second, 60), seconds=62)

    assert (len(crowd.made), len(crowd.denied)) == (a_second * 60, 0)
    assert crowd.longest_in_place <= SECOND // 20
    assert asker.questions <= most * len(crowd.made)


def test_a_call_waits_in_place_for_a_moment_only() -> None:
    crowd, _ = _crowd(6000)

    crowd.run(_bursts(6000, 30, random.Random(4)), seconds=30)

    assert crowd.longest_in_place <= 0.3 * SECOND


def test_a_higher_lane_gets_its_calls_at_once_from_a_lower_one_that_waits() -> None:
    crowd, _ = _crowd(6000)
    cancels = [each for tenth in range(100) for each in _at(20 + tenth / 10, Lane.CANCEL, 5)]

    crowd.run([*_at(0, Lane.FETCH, 6000), *cancels], seconds=40)

    waited = [at - task.came_at for at, task in crowd.made if task.lane is Lane.CANCEL]
    assert len(waited) == 500
    assert max(waited) <= SECOND


def test_a_higher_lane_that_wants_everything_leaves_each_lower_one_its_share() -> None:
    crowd, bucket = _crowd(6000)

    crowd.run([each for lane in Lane for each in _at(0, lane, 9000)], seconds=70)

    owed = 60 * SECOND // (bucket.plan.interval * DUE_AFTER)
    for lane in list(Lane)[1:]:
        assert crowd.of(lane, 5, 65) >= 0.5 * owed, lane
    assert crowd.of(Lane.CANCEL, 5, 65) >= 0.75 * 6000


@pytest.fixture
def stormy() -> Callable[[float, float], tuple[Crowd, Bucket]]:
    """Make a crowd whose account is put on hold at one time, for some seconds."""

    def make(at: float, seconds: float) -> tuple[Crowd, Bucket]:
        bucket = Bucket(Plan.of(6000))
        storm, asker = [START + round(at * SECOND)], Asker(bucket, 2)

        def ask(now: int, lane: Lane, process: int) -> Answer:
            while storm and now >= storm[0]:
                bucket.hold(storm.pop(), round(seconds * SECOND), cut=True)
            return asker(now, lane, process)

        return Crowd(ask), bucket

    return make


def test_a_hold_stops_all_calls_and_afterwards_they_go_on_slower(
    stormy: Callable[[float, float], tuple[Crowd, Bucket]],
) -> None:
    crowd, _ = stormy(20, 30)

    crowd.run([each for lane in Lane for each in _at(0, lane, 3000)], seconds=115)

    # What was booked in place before the hold is stopped by the limiter, not by the bucket.
    assert crowd.total(20.5, 50) == 0
    assert 0.6 * 6000 <= crowd.total(51, 111) <= 0.85 * 6000


def test_after_a_cut_the_full_rate_comes_back_within_minutes(
    stormy: Callable[[float, float], tuple[Crowd, Bucket]],
) -> None:
    crowd, _ = stormy(1, 1)

    crowd.run(_at(0, Lane.FETCH, 25_000), seconds=260)

    assert crowd.total(195, 255) >= 0.95 * 6000
