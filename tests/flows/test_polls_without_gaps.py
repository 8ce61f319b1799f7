from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.flow import STORE, Flow

from orders_sync.domain.steps import Dispatch
from orders_sync.inbound.poll import PollLimits, poll


@pytest.mark.parametrize(
    ("orders", "polls"),
    [
        pytest.param(30, 1, id="more in the feed than there is time for"),
        pytest.param(5, 0, id="all was read"),
    ],
)
def test_a_poll_that_runs_out_of_time_sees_to_the_next(flow: Flow, orders: int, polls: int) -> None:
    flow.box.create_orders(orders)
    asked: list[str] = []

    def take_time(_: Sequence[Dispatch]) -> None:
        flow.clock.advance(3)

    poll(
        STORE,
        owner="poller",
        feed=flow.services.vtex(STORE),
        ledger=flow.services.ledger,
        clock=flow.clock,
        dispatch=take_time,
        restore_feed=lambda: None,
        go_on=lambda: asked.append(STORE),
        erp_rests=lambda: None,
        limits=PollLimits(5, 1000),
    )

    assert len(asked) == polls
