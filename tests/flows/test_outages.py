"""Outages of VTEX on an account with hardly any calls, and an order that only seems to be one."""

from __future__ import annotations

from typing import Any

import pytest
from support.flow import Flow

from orders_sync.domain.steps import Step

_HOUR = 3600


@pytest.fixture
def flow(guarded_flow: Flow) -> Flow:
    """A flow whose calls have to pass."""
    return guarded_flow


def pass_time(flow: Flow, seconds: float, step: float = 10) -> None:
    flow.settle(rounds=round(seconds / step), seconds=step)


def away(flow: Flow, seconds: float, dial: str = "unavailable") -> None:
    """Let VTEX be away for a while."""
    setattr(flow.box.dials, dial, 1.0)
    pass_time(flow, seconds)
    setattr(flow.box.dials, dial, 0.0)


@pytest.mark.parametrize(
    "dial",
    [
        pytest.param("unavailable", id="503"),
        pytest.param("server_error", id="500"),
        pytest.param("drop_before", id="no answer"),
    ],
)
@pytest.mark.parametrize("step", [Step.FETCH, Step.START_HANDLING])
def test_a_lone_order_outlasts_an_outage_and_is_done_within_a_minute_of_its_end(
    flow: Flow, step: Step, dial: str
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    while flow.queue[0].step is not step:
        flow.run(flow.queue.popleft())

    away(flow, _HOUR, dial)
    during = flow.order(order_id)
    pass_time(flow, 60)

    assert during["standing"] == "waiting"
    assert flow.standing(order_id) == "done"
    assert flow.box.order(order_id).start_handling_effects == 1


@pytest.mark.parametrize(
    ("kind", "body", "call"),
    [
        pytest.param("invoice", {"number": "1"}, "invoice", id="invoice"),
        pytest.param("cancel", {"reason": "no stock"}, "cancel", id="cancel"),
        pytest.param(
            "change",
            {"reason": "gift", "manual_discount_cents": 100},
            "create_change",
            id="change",
        ),
    ],
)
def test_a_lone_command_outlasts_an_outage_and_is_sent_within_a_minute_of_its_end(
    flow: Flow, kind: str, body: dict[str, Any], call: str
) -> None:
    [order_id] = flow.in_handling()
    command = flow.ask(kind, order_id, body)

    away(flow, _HOUR)
    during = flow.command(command)
    pass_time(flow, 60)

    assert during["standing"] == "waiting"
    assert call in {each.call for each in flow.box.calls(order_id) if each.effect}


def test_a_poison_order_beside_good_ones_is_parked_after_its_tries(flow: Flow) -> None:
    [poison] = flow.box.create_orders(1)
    flow.poisoned = {poison}

    good: list[str] = []
    while not good or flow.standing(poison) != "parked":
        good += flow.box.create_orders(1)
        pass_time(flow, 60)
        assert len(good) < 4 * 60

    order = flow.order(poison)
    assert "Given up after 12 tries" in order["reason"]
    assert {flow.standing(order_id) for order_id in good} == {"done"}


def test_a_poison_order_on_a_quiet_account_holds_up_no_other_and_ends_with_its_deadline(
    flow: Flow,
) -> None:
    [poison] = flow.box.create_orders(1)
    flow.poisoned = {poison}
    pass_time(flow, _HOUR)

    [good] = flow.box.create_orders(1)
    pass_time(flow, 3 * 60)
    in_time = flow.standing(good)
    meanwhile = flow.order(poison)
    pass_time(flow, 24 * _HOUR, step=600)

    assert in_time == "done"
    assert meanwhile["standing"] == "waiting"
    assert flow.standing(poison) == "parked"
    assert "Given up after 24 hours" in flow.order(poison)["reason"]
