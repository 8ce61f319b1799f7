"""A feed whose news the hook tells first."""

from __future__ import annotations

import json

import pytest
from support.flow import STORE, Flow

from orders_sync.inbound.feed import Polled
from orders_sync.inbound.tasks import after_poll
from orders_sync.sandbox.wire import Request, Response
from orders_sync.vtex.hook import Origin, read_post
from orders_sync.worker.chores import Ran


def hear(flow: Flow) -> int:
    """Record what VTEX posts; give how many events were new."""
    posts = flow.box.take_posts() or ()
    lot = [read_post(post.body, Origin(STORE, "key"), post_id="1") for post in posts]
    recorded = flow.services.ledger.events.record(STORE, lot, now=flow.clock())
    flow.queue.extend(recorded.dispatches)
    return recorded.new


@pytest.fixture
def hooked(flow: Flow) -> Flow:
    config = {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
        "hook": {"url": "https://orders.example.com/hook/mystore"},
    }
    keys = {"x-vtex-api-appkey": "key", "x-vtex-api-apptoken": "token"}
    request = Request("POST", "/api/orders/hook/config", "", keys, json.dumps(config).encode())
    answer = flow.box.handle(request)
    assert isinstance(answer, Response)
    assert answer.status == 200
    return flow


def test_an_order_that_the_hook_tells_first_is_handled_once_and_acknowledged_in_the_feed(
    hooked: Flow,
) -> None:
    [order_id] = hooked.box.create_orders(1)

    by_hook = hear(hooked)
    hooked.drain()
    by_feed = hooked.poll()
    hooked.drain()
    acknowledged = hooked.acknowledge()

    assert (by_hook, by_feed, acknowledged) == (1, 0, 1)
    assert hooked.standing(order_id) == "done"
    assert hooked.calls(order_id) == ["get_order", "start_handling"]
    assert hooked.box.order(order_id).events_unacknowledged == 0


def test_an_order_that_the_feed_tells_first_is_not_read_again_for_the_hook(hooked: Flow) -> None:
    [order_id] = hooked.box.create_orders(1)

    by_feed = hooked.poll()
    hooked.drain()
    by_hook = hear(hooked)
    acknowledged = hooked.acknowledge()

    assert (by_feed, by_hook, acknowledged) == (1, 0, 1)
    assert hooked.calls(order_id) == ["get_order", "start_handling"]


@pytest.mark.parametrize(
    ("polled", "is_hook_heard", "ran"),
    [
        (Polled(10, 3, was_read=True), False, Ran(worked=True)),
        (Polled(10, 3, was_read=True), True, Ran(worked=True, may_rest=True)),
        (Polled(10, 0, was_read=True), True, Ran(may_rest=True)),
        (Polled(99, 3, True, True), True, Ran(worked=True, goes_on=True)),
        (Polled(99, 0, True, True), True, Ran()),
    ],
)
def test_a_feed_is_read_rarely_while_its_hook_is_heard_unless_more_is_in_it(
    polled: Polled, *, is_hook_heard: bool, ran: Ran
) -> None:
    assert after_poll(polled, is_hook_heard=is_hook_heard) == ran
