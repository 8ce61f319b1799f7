"""What becomes of the budget when many tasks want to call at once, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from unit.traffic.crowd import Crowd
from unit.traffic.virtual_time import START

from orders_sync.traffic.limiter import SECOND
from orders_sync.traffic.waits import Lane

Crowds = Callable[..., Crowd]


def _many(lane: Lane, count: int, at: float = 0) -> list[tuple[float, Lane]]:
    return [(at, lane)] * count


def _bursts(budget: int, seconds: int, drawn: random.Random) -> Iterator[tuple[float, Lane]]:
    """Draw bursts over all lanes that want half as much again as the budget gives."""
    wanted = budget * seconds // 40
    while wanted > 0:
        size = min(wanted, drawn.randrange(1, budget // 4))
        yield from _many(drawn.choice(list(Lane)), size, drawn.uniform(0, seconds))
        wanted -= size


@pytest.mark.parametrize("budget", [60, 600])
def test_bursts_of_all_lanes_never_exceed_the_budget_in_any_minute(
    crowd_of: Crowds, budget: int
) -> None:
    crowd = crowd_of(budget, processes=4)

    crowd.run(_bursts(budget, 130, random.Random(budget)), seconds=130)

    assert crowd.in_any_minute() <= budget


@pytest.mark.parametrize("lane", [Lane.CANCEL, Lane.FETCH, Lane.RECONCILE])
def test_any_lane_alone_uses_the_budget_while_it_has_work(crowd_of: Crowds, lane: Lane) -> None:
    crowd = crowd_of(600, endless=True)

    crowd.run(_many(lane, 60), seconds=70)

    assert crowd.total(5, 65) >= 0.95 * 600


def test_a_task_waits_hardly_more_than_twice_before_it_calls(crowd_of: Crowds) -> None:
    crowd = crowd_of(1800)

    crowd.run(_many(Lane.FETCH, 700), seconds=30)

    assert len(crowd.made) == 700
    assert crowd.denied <= 1.5 * 700


def test_tasks_that_wait_do_not_come_back_together(crowd_of: Crowds) -> None:
    crowd = crowd_of(1800)

    crowd.run(_many(Lane.FETCH, 700), seconds=30)

    back = [at for at, task in crowd.made if task.waits]
    busiest = max(sum(at <= other < at + SECOND for other in back) for at in back)
    assert busiest <= 1.3 * 1800 / 60


def _steadily(a_second: int, seconds: int) -> Iterator[tuple[float, Lane]]:
    """Let orders come evenly: each is fetched, and its handling is started."""
    for number in range(a_second * seconds // 2):
        at = 2 * number / a_second
        yield at, Lane.FETCH
        yield at + 1 / a_second, Lane.START_HANDLING


@pytest.mark.parametrize(
    ("budget", "a_second", "most"),
    [
        pytest.param(5400, 80, 0.4, id="the default, nine tenths used"),
        pytest.param(5400, 4, 1.0, id="the default, little to do"),
    ],
)
def test_several_calls_share_one_question_where_slots_are_left_unused(
    crowd_of: Crowds, budget: int, a_second: int, most: float
) -> None:
    crowd = crowd_of(budget)
    client = crowd.limiters[0]._shared._client

    def questions() -> int:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    crowd.run(_many(Lane.FETCH, 1), seconds=2)
    before = questions()
    crowd.run(_steadily(a_second, 20), seconds=22)

    assert (len(crowd.made), crowd.denied) == (a_second * 20 + 1, 0)
    assert questions() - before <= most * len(crowd.made)


def test_a_call_waits_in_place_for_a_moment_only(crowd_of: Crowds) -> None:
    crowd = crowd_of(1800)

    crowd.run(_bursts(1800, 30, random.Random(4)), seconds=30)

    assert crowd.longest_in_place <= 0.3 * SECOND


def test_a_higher_lane_gets_its_calls_at_once_from_a_lower_one_that_waits(
    crowd_of: Crowds,
) -> None:
    crowd = crowd_of(1800)
    cancels = [task for n in range(100) for task in _many(Lane.CANCEL, 2, 20 + n / 10)]

    crowd.run([*_many(Lane.FETCH, 1000), *cancels], seconds=40)

    waited = [at - task.came_at for at, task in crowd.made if task.lane is Lane.CANCEL]
    assert len(waited) == 200
    assert max(waited) <= SECOND


def test_a_higher_lane_that_wants_everything_leaves_each_lower_one_its_share(
    crowd_of: Crowds,
) -> None:
    crowd = crowd_of(1800)

    crowd.run([task for lane in Lane for task in _many(lane, 2000)], seconds=70)

    for lane in list(Lane)[1:]:
        assert crowd.of(lane, 5, 65) >= 0.2 * 1800 / 50, lane
    assert crowd.of(Lane.CANCEL, 5, 65) >= 0.75 * 1800


def test_a_hold_stops_all_calls_and_afterwards_they_go_on_at_their_pace(crowd_of: Crowds) -> None:
    crowd = crowd_of(600)
    holds = [START + 20 * SECOND]

    def hold(now: int) -> None:
        if holds and now >= holds[0]:
            holds.clear()
            crowd.limiters[0].hold(crowd.account, 30.0)

    crowd.at = hold
    crowd.endless = True
    crowd.run([task for lane in Lane for task in _many(lane, 10)], seconds=115)

    assert crowd.total(20.5, 50) == 0
    assert crowd.total(54, 114) >= 0.95 * 600
