"""Every kind of order that is not plain, from the feed to where it should end."""

from __future__ import annotations

import pytest
from support.flow import STORE, Flow

from orders_sync.domain.rules import Progress
from orders_sync.domain.steps import Step
from orders_sync.erp.staging import StagingErp


def take_in(flow: Flow) -> None:
    flow.poll()
    flow.drain()
    flow.acknowledge()


@pytest.mark.parametrize(
    ("trouble", "standing", "in_erp", "status"),
    [
        pytest.param("canceled-early", "void", False, "canceled", id="cancelled before the fetch"),
        pytest.param("replaced", "void", False, "replaced", id="replaced before the fetch"),
        pytest.param("handled-in-admin", "done", True, "handling", id="handled by a person"),
        pytest.param("two-domains", "done", True, "handling", id="under two domains"),
        pytest.param("null-state", "done", True, "handling", id="with an event without state"),
        pytest.param("unknown-state", "done", True, "handling", id="with a state nobody knows"),
        pytest.param("vanished", "parked", False, None, id="vanished"),
        pytest.param("malformed", "parked", False, None, id="malformed"),
        pytest.param("incomplete", "waiting", False, None, id="incomplete"),
        pytest.param("poison-event", "done", True, "handling", id="beside a poison event"),
    ],
)
def test_a_troubled_order_ends_where_it_should_and_stops_no_other(
    flow: Flow, trouble: str, standing: str, in_erp: bool, status: str | None
) -> None:
    [troubled] = flow.box.create_orders(1, trouble)
    plain = flow.box.create_orders(3)

    take_in(flow)

    assert flow.standing(troubled) == standing
    assert (troubled in flow.in_erp()) is in_erp
    if status is not None:
        assert flow.box.order(troubled).status == status
    assert {flow.standing(order_id) for order_id in plain} == {"done"}
    assert flow.box.feed is not None
    assert (flow.box.feed.visible, flow.box.feed.in_flight) == (0, 0)


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        pytest.param("vanished", "vtex.not_found", id="vanished"),
        pytest.param("malformed", "vtex.unreadable", id="malformed"),
    ],
)
def test_a_parked_order_says_why_and_what_to_do(flow: Flow, trouble: str, cause: str) -> None:
    [order_id] = flow.box.create_orders(1, trouble)

    take_in(flow)

    order = flow.order(order_id)
    assert order["cause"] == cause
    assert order["hint"]
    assert order["due_at"] is None


def test_an_order_handled_by_a_person_is_not_told_to_vtex_again(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1, "handled-in-admin")

    take_in(flow)

    assert flow.calls(order_id) == ["get_order"]
    assert order_id in flow.in_erp()


def test_an_incomplete_order_is_taken_up_once_it_is_complete(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1, "incomplete")
    take_in(flow)
    before = dict(flow.in_erp())

    flow.box.complete(order_id)
    flow.settle(rounds=5)

    assert order_id not in before
    assert order_id in flow.in_erp()
    assert flow.standing(order_id) == "done"


def test_an_order_that_vtex_never_decides_is_looked_at_rarely_and_parked_at_last(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1, "incomplete")

    take_in(flow)
    flow.settle(rounds=200, seconds=4 * 3600)

    assert flow.standing(order_id) == "parked"
    assert flow.order(order_id)["cause"] == "vtex.undecided"
    assert len(flow.calls(order_id)) < 150


def test_an_order_cancelled_after_the_erp_has_it_is_cancelled_there(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.run(flow.queue.popleft())
    flow.run(flow.queue.popleft())
    flow.queue.clear()

    flow.box.cancel(order_id)
    flow.settle(rounds=10)

    assert flow.in_erp() == {order_id: "cancelled"}
    assert flow.standing(order_id) == "void"
    assert "start_handling" not in flow.calls(order_id)


def test_a_cancellation_that_comes_too_late_for_the_erp_is_parked_for_a_person(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    take_in(flow)
    erp = flow.services.erp(STORE)
    assert isinstance(erp, StagingErp)
    flow.take_in_erp(order_id)

    flow.box.cancel(order_id)
    flow.box.cancel(order_id)
    flow.settle(rounds=10)

    order = flow.order(order_id)
    assert (order["standing"], order["cause"]) == ("parked", "erp.cancelled_too_late")
    assert "Stop the shipment" in order["hint"]


def test_an_order_cancelled_while_the_erp_was_away_is_never_handed_over(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.run(flow.queue.popleft())
    flow.queue.clear()
    flow.box.cancel(order_id)
    flow.clock.advance(3600)

    # The cancellation's own event is not read: the step itself has to look.
    flow.dispatch_due()
    flow.drain()

    assert flow.in_erp() == {}
    assert flow.standing(order_id) == "void"


def test_a_retry_reads_the_world_again(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1, "vanished")
    take_in(flow)
    parked = flow.order(order_id)

    [following] = flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())
    flow.run(following)

    assert parked["standing"] == "parked"
    assert flow.calls(order_id) == ["get_order", "get_order"]


def test_start_handling_that_had_no_effect_is_seen_when_the_order_is_looked_at(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.box.dials.hollow_success = 1.0
    take_in(flow)
    hollow = flow.box.order(order_id).status
    flow.box.dials.hollow_success = 0.0

    [following] = flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())
    flow.queue.append(following)
    flow.drain()

    assert hollow == "ready-for-handling"
    assert flow.box.order(order_id).status == "handling"


def test_an_order_of_an_account_that_is_not_configured_is_parked_with_the_setting(
    flow: Flow,
) -> None:
    [following] = flow.services.ledger.orders.look_again("other", "1-01", now=flow.clock())

    flow.run(following)

    row = flow.services.ledger.inquiries.story("other", "1-01")[0]
    assert row is not None
    assert (row["standing"], row["next_step"]) == ("parked", Step.FETCH)
    assert row["progress"] == Progress.SEEN
    assert "ORDERS_SYNC_ACCOUNTS__OTHER__APP_KEY" in row["hint"]
