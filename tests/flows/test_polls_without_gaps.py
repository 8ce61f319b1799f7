from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from support.flow import STORE, Flow

from orders_sync.domain.steps import Dispatch
from orders_sync.inbound.feed import PollLimits, poll


@pytest.mark.parametrize(
    ("orders", "is_cut_short"),
    [
        pytest.param(30, True, id="more in the feed than there is time for"),
        pytest.param(5, False, id="all was read"),
    ],
)
def test_a_poll_that_runs_out_of_time_says_so(flow: Flow, orders: int, is_cut_short: bool) -> None:
    flow.box.create_orders(orders)

    def take_time(_: Sequence[Dispatch]) -> None:
        flow.clock.advance(3)

    polled = poll(
        STORE,
        feed=flow.services.vtex(STORE),
        ledger=flow.services.ledger,
        clock=flow.clock,
        dispatch=take_time,
        restore_feed=lambda: None,
        erp_rests=lambda: None,
        in_flight=0,
        limits=PollLimits(5, 1000, timedelta(seconds=2), timedelta(seconds=120)),
    )

    assert polled.is_cut_short == is_cut_short
