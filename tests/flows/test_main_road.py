from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from support.flow import STORE, Flow

from orders_sync.bootstrap import Services
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import Unavailable
from orders_sync.inbound import steps
from orders_sync.ledger.accounts import Chore
from orders_sync.worker.schedule import QUICK_LEASE

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def test_an_order_goes_from_the_feed_into_the_erp_and_on_to_handling(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)

    flow.poll()
    flow.drain()
    flow.acknowledge()

    assert flow.in_erp() == {order_id: "new"}
    assert flow.box.order(order_id).status == "handling"
    assert flow.calls(order_id) == ["get_order", "start_handling"]
    assert flow.standing(order_id) == "done"
    assert flow.box.feed is not None
    assert (flow.box.feed.visible, flow.box.feed.in_flight) == (0, 0)


def test_a_poll_loops_while_lots_come_back_full(flow: Flow) -> None:
    flow.box.create_orders(25)

    new = flow.poll()

    assert new == 25
    assert [c.call for c in flow.box.calls() if c.call == "feed_read"] == ["feed_read"] * 3


def test_a_backlog_takes_no_more_calls_than_it_must(flow: Flow) -> None:
    orders = flow.box.create_orders(100)
    before = len(flow.box.calls())

    flow.poll()
    flow.drain()
    while flow.acknowledge():
        pass

    assert set(flow.in_erp()) == set(orders)
    assert len(flow.box.calls()) - before <= 2.3 * len(orders)


def test_polls_that_overlap_do_nothing(flow: Flow) -> None:
    flow.box.create_orders(3)

    accounts = flow.services.ledger.accounts
    another = accounts.claim_one(STORE, Chore.POLL, now=flow.clock(), lease=QUICK_LEASE)
    assert another is not None

    new = flow.poll()
    accounts.release([another])

    assert new == 0
    assert flow.poll() == 3


def test_polling_stops_while_too_much_is_in_flight(flow: Flow) -> None:
    flow.box.create_orders(50)

    flow.poll(in_flight=20)

    assert len(flow.queue) == 20
    assert flow.box.feed is not None
    assert flow.box.feed.visible == 30


def test_events_are_held_until_their_order_is_handled(flow: Flow) -> None:
    flow.box.create_orders(1)
    flow.poll()

    early = flow.acknowledge()
    flow.drain()

    assert early == 0
    assert flow.acknowledge() == 1


def test_events_go_once_they_are_recorded_where_that_is_asked_for(
    make_flow: Callable[..., Flow],
) -> None:
    flow = make_flow(acknowledge="recorded")
    [order_id] = flow.box.create_orders(1)
    flow.poll()

    acknowledged = flow.acknowledge()
    flow.drain()

    assert acknowledged == 1
    assert flow.box.order(order_id).status == "handling"


def test_handles_are_acknowledged_in_lots(flow: Flow) -> None:
    flow.box.create_orders(30)
    flow.poll()
    flow.drain()

    acknowledged = flow.acknowledge()

    assert acknowledged == 30
    assert [c.call for c in flow.box.calls() if c.call == "feed_commit"] == ["feed_commit"] * 3


@pytest.mark.parametrize("times", [1, 3])
def test_messages_that_are_doubled_are_harmless(flow: Flow, times: int) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()

    while flow.queue:
        following = flow.queue.popleft()
        for _ in range(1 + times):
            flow.run(following)

    assert flow.calls(order_id) == ["get_order", "start_handling"]
    assert flow.in_erp() == {order_id: "new"}


def test_a_redelivered_event_of_a_handled_order_asks_nothing_and_is_acknowledged(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.drain()
    flow.clock.advance(300)

    new = flow.poll()
    acknowledged = flow.acknowledge()

    assert (new, acknowledged) == (0, 1)
    assert flow.calls(order_id) == ["get_order", "start_handling"]


def test_messages_that_the_broker_lost_are_dispatched_again(flow: Flow) -> None:
    orders = flow.box.create_orders(5)
    flow.poll()
    flow.queue.clear()
    early = flow.dispatch_due()
    flow.clock.advance(5)

    late = flow.dispatch_due()
    flow.drain()

    assert (early, late) == (0, 5)
    assert {flow.box.order(order_id).status for order_id in orders} == {"handling"}


def test_a_worker_that_serves_every_queue_takes_an_order_through_with_one_message(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.goes_on = True
    flow.poll()

    flow.run(flow.queue.popleft())

    _, _, journal = flow.services.ledger.inquiries.story(STORE, order_id)
    done = [line["step"] for line in journal if line["what"] == "step.done"]
    assert not flow.queue
    assert flow.box.order(order_id).status == "handling"
    assert done == ["orders.fetch", "erp.hand_over", "orders.start_handling"]
    assert flow.order(order_id)["lease_until"] is None


def test_an_event_that_comes_while_a_worker_goes_on_has_the_order_read_again(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.goes_on = True
    flow.poll()

    def cancel_now() -> None:
        flow.box.cancel(order_id)
        flow.poll()

    flow.just_before["POST"] = cancel_now
    flow.run(flow.queue.popleft())

    assert flow.in_erp() == {order_id: "cancelled"}
    assert flow.standing(order_id) == "void"
    assert not flow.queue


def test_a_message_leads_to_a_bounded_number_of_steps(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.goes_on = True
    flow.poll()

    def read_again(*_: object) -> StepResult:
        return StepResult(Standing.ACTIVE, Step.FETCH)

    flow.run(flow.queue.popleft(), {Step.FETCH: read_again})

    _, _, journal = flow.services.ledger.inquiries.story(STORE, order_id)
    assert [line["step"] for line in journal if line["what"] == "step.done"] == [Step.FETCH] * 6
    assert [waiting.step for waiting in flow.queue] == [Step.FETCH]


def first_of_backlog(flow: Flow) -> Dispatch:
    """Poll for a worker with one thread; return the one message that it gets."""
    flow.goes_on = True
    flow.services.ledger.windows.account = flow.services.ledger.windows.threads = 1
    flow.poll()
    [message] = flow.queue
    flow.queue.clear()
    return message


def test_in_a_backlog_one_message_leads_from_order_to_order(flow: Flow) -> None:
    orders = flow.box.create_orders(5)
    message = first_of_backlog(flow)

    flow.run(message, in_backlog=True)

    assert not flow.queue
    assert set(flow.in_erp()) == set(orders)
    assert {flow.box.order(order_id).status for order_id in orders} == {"handling"}


def test_a_step_that_fails_leads_to_no_other_order(flow: Flow) -> None:
    orders = flow.box.create_orders(5)
    message = first_of_backlog(flow)

    def fail(claim: Claim, services: Services) -> StepResult:
        if claim.order_id == message.order_id:
            return steps.fetch(claim, services)
        raise Unavailable("VTEX is away.")

    flow.run(message, {Step.FETCH: fail}, in_backlog=True)

    standings = Counter(flow.standing(order_id) for order_id in orders)
    assert standings == {"done": 1, "waiting": 1, "active": 3}
