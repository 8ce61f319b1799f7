from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_sync.traffic.limiter import DUE_HORIZON, MINUTE, SECOND, SlotPlan, horizon
from orders_sync.traffic.waits import Lane


@given(st.integers(1, 200_000))
def test_a_burst_and_a_minute_of_calls_that_leave_late_stay_within_the_budget(budget: int) -> None:
    plan = SlotPlan.of(budget)

    most = plan.burst + (MINUTE + SECOND // 2 - 1) // plan.interval

    assert most <= budget


@pytest.mark.parametrize("budget", [60, 100, 600, 5400, 6000])
def test_the_pace_uses_nearly_all_of_the_budget(budget: int) -> None:
    plan = SlotPlan.of(budget)

    assert MINUTE / plan.interval >= 0.95 * budget


@pytest.mark.parametrize(("budget", "at_once"), [(60, 1), (600, 1), (1200, 1), (5400, 6)])
def test_one_answer_allows_a_quarter_of_a_burst_at_most(budget: int, at_once: int) -> None:
    plan = SlotPlan.of(budget)

    assert plan.at_once == at_once


def test_a_higher_lane_books_further_ahead() -> None:
    horizons = [horizon(lane) for lane in Lane]

    assert horizons == sorted(set(horizons), reverse=True)
    assert horizons[0] < DUE_HORIZON
    assert horizons[-1] > 0
