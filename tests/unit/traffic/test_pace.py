"""How much of VTEX's own limit is used where it is smaller than ours, or refuses at random."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.traffic.crowd import Crowd, Limit
from unit.traffic.limits import FixedWindow, SlidingWindow, Storm

from orders_sync.sandbox.dials import RateLimit
from orders_sync.traffic.waits import Lane

Crowds = Callable[..., Crowd]

BUDGET = 5400
LIMIT = 3000


WORK = [(0.0, Lane.FETCH)] * 100


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(RateLimit(LIMIT), id="a token bucket"),
        pytest.param(FixedWindow(LIMIT, says=True), id="a minute, with Retry-After"),
        pytest.param(FixedWindow(LIMIT, says=False), id="a minute, without"),
        pytest.param(SlidingWindow(LIMIT), id="any minute, without"),
    ],
)
def test_a_limit_of_half_the_budget_is_found_and_used(crowd_of: Crowds, limit: Limit) -> None:
    crowd = crowd_of(BUDGET, endless=True, limit=limit)

    crowd.run(WORK, seconds=150)

    assert crowd.total(0, 150) >= 0.95 * LIMIT * 2.5
    assert crowd.part_refused() <= 0.02


@pytest.mark.parametrize(
    "wait", [pytest.param(60, id="with Retry-After"), pytest.param(-1, id="without")]
)
def test_stray_refusals_cost_hardly_more_than_themselves(crowd_of: Crowds, wait: float) -> None:
    crowd = crowd_of(BUDGET, endless=True, limit=Storm(0.01, wait))

    crowd.run(WORK, seconds=60)

    assert crowd.total(0, 60) + len(crowd.refused) >= 0.97 * BUDGET


@pytest.mark.parametrize("part", [0.5, 1.0])
@pytest.mark.parametrize(
    "wait", [pytest.param(1, id="with Retry-After"), pytest.param(-1, id="without")]
)
def test_thirty_seconds_after_a_storm_the_pace_is_back(
    crowd_of: Crowds, part: float, wait: float
) -> None:
    crowd = crowd_of(BUDGET, endless=True, limit=Storm(part, wait, since=20, until=50))

    crowd.run(WORK, seconds=100)

    assert crowd.total(80, 90) >= 0.95 * BUDGET / 6
    assert len(crowd.refused) <= BUDGET / 10


def test_what_vtex_accepts_again_is_used_again(crowd_of: Crowds) -> None:
    crowd = crowd_of(BUDGET, endless=True, limit=RateLimit(LIMIT))
    crowd.run(WORK, seconds=60)

    crowd.limit = RateLimit(None)
    crowd.run(WORK, seconds=60)

    assert crowd.total(100, 120) >= 0.95 * BUDGET / 3
