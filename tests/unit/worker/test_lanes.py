from __future__ import annotations

import pytest

from orders_sync.domain.steps import Step
from orders_sync.traffic.waits import Lane
from orders_sync.worker.calls import lane_of


@pytest.mark.parametrize("step", list(Step))
def test_a_command_never_waits_behind_a_read_of_the_road_in(step: Step) -> None:
    is_urgent = step.partition(".")[0] in {"invoice", "cancel", "change"}

    assert (lane_of(step) < Lane.START_HANDLING) is is_urgent


@pytest.mark.parametrize(
    ("step", "lane"),
    [
        pytest.param(Step.FETCH, Lane.FETCH, id="a read"),
        pytest.param(Step.HAND_OVER, Lane.FETCH, id="a read before the ERP gets the order"),
        pytest.param(Step.START_HANDLING, Lane.START_HANDLING, id="start handling"),
        pytest.param(Step.SEND_TRACKING, Lane.TRACKING, id="tracking"),
        pytest.param(Step.SEND_CANCEL, Lane.CANCEL, id="a cancellation"),
    ],
)
def test_all_calls_of_a_step_wait_in_its_lane(step: Step, lane: Lane) -> None:
    assert lane_of(step) is lane
