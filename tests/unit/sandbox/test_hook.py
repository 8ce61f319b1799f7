"""What the sandbox posts to a hook, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from support import event_receiver
from support.receiver import Receiver, receiving
from support.waiting import until

from orders_sync.sandbox import Box, Dials
from orders_sync.sandbox.server import serving
from orders_sync.sandbox.wire import Request, Response
from orders_sync.testing.clock import SettableClock

CONFIG = "/api/orders/hook/config"
KEYS = {"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "token"}
PING = b'{"hookConfig":"ping"}'


@pytest.fixture
def box() -> Box:
    return Box(seed=1, dials=Dials(hook_loopback=True, hook_pause_seconds=0.01))


@pytest.fixture
def vtex(box: Box) -> Iterator[str]:
    with serving(box) as url:
        yield url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def configure(vtex: str, url: str, *statuses: str) -> requests.Response:
    body = {
        "filter": {"type": "FromWorkflow", "status": list(statuses) or ["ready-for-handling"]},
        "hook": {"url": url, "headers": {"X-Integration-Secret": "made-up"}},
    }
    return requests.post(f"{vtex}{CONFIG}", json=body, headers=KEYS, timeout=60)


def posted(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for body in receiver.bodies if body != PING]


def test_a_hook_is_pinged_with_its_headers_before_it_is_taken(
    vtex: str, receiver: Receiver
) -> None:
    answer = configure(vtex, receiver.url)

    assert answer.status_code == 200
    assert receiver.bodies == [PING]
    assert receiver.headers[0]["x-integration-secret"] == "made-up"


def test_a_hook_that_does_not_answer_its_ping_with_200_is_refused(
    vtex: str, receiver: Receiver
) -> None:
    receiver.statuses = [204]

    answer = configure(vtex, receiver.url)

    assert (answer.status_code, answer.text) == (400, "Unable to check address")
    assert requests.get(f"{vtex}{CONFIG}", headers=KEYS, timeout=60).status_code == 404


def test_http_is_taken_on_this_machine_only_and_only_where_a_dial_says_so(
    box: Box, vtex: str, receiver: Receiver
) -> None:
    elsewhere = configure(vtex, "http://127.0.0.1.example.com/hook")
    box.dials.hook_loopback = False
    here = configure(vtex, receiver.url)

    assert [elsewhere.status_code, here.status_code] == [400, 400]
    assert here.text == "Only https scheme is accepted"
    assert receiver.bodies == []


def test_what_the_filter_takes_is_posted_as_vtex_words_it(
    box: Box, vtex: str, receiver: Receiver
) -> None:
    configure(vtex, receiver.url)

    [order_id] = box.create_orders(1)
    until(lambda: box.hook.taken == 1, "the change is posted")

    [post] = posted(receiver)
    assert post.pop("LastChange")
    assert post.pop("CurrentChange")
    assert post == {
        "Domain": "Fulfillment",
        "OrderId": order_id,
        "State": "ready-for-handling",
        "LastState": "window-to-cancel",
        "Origin": {"Account": "mystore", "Key": "key"},
    }
    assert receiver.headers[-1]["x-integration-secret"] == "made-up"


def test_a_post_that_is_not_answered_200_is_repeated(
    box: Box, vtex: str, receiver: Receiver
) -> None:
    configure(vtex, receiver.url)
    receiver.statuses = [503, 204, 302]

    box.create_orders(1)
    until(lambda: box.hook.taken == 1, "the change is taken")

    posts = posted(receiver)
    assert len(posts) == 4
    assert all(post == posts[0] for post in posts)
    assert (box.hook.refused, box.hook.waiting) == (3, 0)


def test_a_receiver_that_answers_too_late_is_refused_at_its_ping(box: Box, vtex: str) -> None:
    box.dials.hook_answer_seconds = 0.05

    with event_receiver.receiving() as slow:
        slow.behaviour = event_receiver.never(slow)
        answer = configure(vtex, slow.url)

    assert (answer.status_code, answer.text) == (400, "Unable to check address")


def test_a_post_that_is_answered_too_late_is_repeated(box: Box, vtex: str) -> None:
    with event_receiver.receiving() as slow:
        configure(vtex, slow.url)
        box.dials.hook_answer_seconds = 0.05
        slow.behaviour = event_receiver.never(slow)
        box.create_orders(1)
        until(lambda: slow.at_once and box.hook.refused, "a post was not answered in time")
        untaken = box.hook.taken
        box.dials.hook_answer_seconds = 60
        slow.behaviour = event_receiver.answer(200)
        until(lambda: box.hook.taken, "the change is taken")

    ping, *posts = slow.bodies
    assert (untaken, box.hook.waiting) == (0, 0)
    assert ping.encode() == PING
    assert len(posts) > 1
    assert all(post == posts[0] for post in posts)


def test_changes_are_dropped_and_doubled_as_the_dials_say(
    box: Box, vtex: str, receiver: Receiver
) -> None:
    configure(vtex, receiver.url)
    box.dials.hook_drops = 1.0
    box.create_orders(3)
    box.dials.hook_drops, box.dials.hook_duplicates = 0.0, 1.0
    [order_id] = box.create_orders(1)

    until(lambda: box.hook.taken == 2, "the change is posted twice")

    assert [post["OrderId"] for post in posted(receiver)] == [order_id] * 2
    assert box.hook.dropped == 3


def test_a_post_that_is_held_back_is_overtaken() -> None:
    clock = SettableClock()
    box = Box(seed=1, clock=clock.epoch, dials=Dials(hook_disorder=0.5))
    _configure_quietly(box)

    order_ids = box.create_orders(20)
    clock.advance(2)
    posts = box.take_posts()

    came = [json.loads(post.body)["OrderId"] for post in posts or ()]
    assert sorted(came) == sorted(order_ids)
    assert came != order_ids


def test_a_hook_without_anything_to_post_is_removed_after_three_days() -> None:
    clock = SettableClock()
    box = Box(seed=1, clock=clock.epoch)
    _configure_quietly(box)

    clock.advance(3 * 86_400)
    box.create_orders(1)
    clock.advance(3 * 86_400 + 1)
    box.create_orders(1)

    assert len(box.take_posts() or ()) == 1
    assert box.take_posts() is None


def _configure_quietly(box: Box) -> None:
    body = {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
        "hook": {"url": "https://erp.example/hook"},
    }
    keys = {name.lower(): value for name, value in KEYS.items()}
    answer = box.handle(Request("POST", CONFIG, headers=keys, body=json.dumps(body).encode()))
    assert isinstance(answer, Response)
    assert answer.status == 200
