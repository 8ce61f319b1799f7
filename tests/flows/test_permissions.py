"""A key that lacks one permission, on an account with hardly any calls."""

from __future__ import annotations

import pytest
from support.flow import STORE, Flow

from orders_sync.doctor.findings import State
from orders_sync.doctor.traffic import judge_usage
from orders_sync.traffic.traffic import Usage


@pytest.fixture
def flow(guarded_flow: Flow) -> Flow:
    """A flow whose calls have to pass."""
    return guarded_flow


def usage(flow: Flow) -> Usage:
    assert flow.services.traffic is not None
    return flow.services.traffic.usage(STORE)


def forbidden(flow: Flow) -> list[str]:
    return [each.cause for each in usage(flow).forbidden]


def test_what_a_key_may_not_do_waits_and_says_why_while_the_rest_goes_on(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.forbidden = ["invoice"]
    command = flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=10, seconds=30)
    refused = flow.box.record.statuses["403"]
    later = flow.box.create_orders(1)
    flow.settle(rounds=120, seconds=15)
    waiting, now = flow.command(command), usage(flow)

    assert [each.cause for each in now.forbidden] == ["invoice"]
    assert now.pause is None
    assert judge_usage(now).state is State.FAILED
    assert (waiting["standing"], waiting["attempts"]) == ("waiting", 0)
    assert "Notify invoice" in waiting["reason"]
    assert flow.standing(later[0]) == "done"
    assert flow.box.record.statuses["403"] - refused <= 30 * 60 / 15


def test_a_permission_that_is_given_lets_what_waited_go_on_within_two_minutes(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.box.dials.forbidden = ["invoice"]
    command = flow.ask("invoice", order_id, {"number": "1"})
    flow.settle(rounds=60, seconds=30)

    flow.box.dials.forbidden = []
    flow.settle(rounds=12, seconds=10)

    assert flow.command(command)["outcome"] == "done"
    assert forbidden(flow) == []


def test_a_key_that_may_not_read_the_feed_still_sends_what_it_may(flow: Flow) -> None:
    orders = flow.in_handling(3)
    flow.box.dials.forbidden = ["feed_read", "list_orders"]
    flow.settle(rounds=30, seconds=20)

    commands = [flow.ask("invoice", order_id, {"number": "1"}) for order_id in orders]
    flow.settle(rounds=3, seconds=10)

    assert forbidden(flow) == ["get_feed"]
    assert usage(flow).pause is None
    assert {flow.command(command)["outcome"] for command in commands} == {"done"}
