"""What endpoints get, whatever they do: real receivers, a real ledger, and time that is set."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from support.event_receiver import Receiver, answer, never
from support.mailroom import ORDER, POLICY, Mailroom

from orders_sync.domain.announcements import EventType
from orders_sync.ledger.journal import Act
from orders_sync.ledger.processes import SILENT_FOR

OTHER = "1172452900799-01"


def test_an_event_is_sent_once_with_ids_and_facts(mailroom: Mailroom, receiver: Receiver) -> None:
    mailroom.add(receiver.url)
    event_id = mailroom.tell(EventType.ORDER_PLACED)

    mailroom.settle(1)

    assert receiver.received == [
        {
            "type": "order.placed",
            "timestamp": "2026-11-27T12:00:00+00:00",
            "data": {"account": "mystore", "order_id": ORDER},
        }
    ]
    assert receiver.ids == [event_id]


def test_a_receiver_can_check_the_signature(mailroom: Mailroom, receiver: Receiver) -> None:
    mailroom.clock.now = datetime.fromtimestamp(time.time(), mailroom.clock().tzinfo)
    endpoint = mailroom.add(receiver.url)
    mailroom.tell(EventType.ORDER_PLACED)

    mailroom.drain()

    assert receiver.verify(endpoint.secret)["type"] == "order.placed"


def test_while_a_secret_is_rotated_both_are_valid(mailroom: Mailroom, receiver: Receiver) -> None:
    mailroom.clock.now = datetime.fromtimestamp(time.time(), mailroom.clock().tzinfo)
    endpoint = mailroom.add(receiver.url)
    until = mailroom.clock() + timedelta(seconds=30)
    act = Act(mailroom.clock(), "me")
    mailroom.ledger.endpoints.rotate(endpoint.id, "whsec_bmV3", old_until=until, act=act)

    mailroom.tell(mark="1")
    mailroom.drain()
    mailroom.clock.advance(31)
    mailroom.tell(mark="2")
    mailroom.drain()

    receiver.verify("whsec_bmV3", 0)
    receiver.verify(endpoint.secret, 0)
    receiver.verify("whsec_bmV3", 1)
    assert len(receiver.headers[1]["webhook-signature"].split()) == 1


@pytest.mark.parametrize(
    ("events", "accounts", "gets"),
    [
        ((), (), True),
        (("order.parked",), (), True),
        (("order.placed",), (), False),
        ((), ("mystore",), True),
        ((), ("another",), False),
    ],
)
def test_an_endpoint_gets_what_it_wants(
    events: tuple[str, ...],
    accounts: tuple[str, ...],
    gets: bool,
    mailroom: Mailroom,
    receiver: Receiver,
) -> None:
    mailroom.add(receiver.url, *events, accounts=accounts)
    mailroom.tell(EventType.ORDER_PARKED)

    mailroom.drain()

    assert bool(receiver.received) is gets


def test_what_fails_is_sent_again_more_and_more_rarely(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    receiver.behaviour = answer(500)
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()

    mailroom.settle(0.05, step=1)
    receiver.behaviour = answer(204)
    mailroom.settle(0.2, step=1)

    [sent] = mailroom.sent(endpoint)
    waits = [
        (after.at - before.at).total_seconds()
        for before, after in zip(sent.attempts, sent.attempts[1:], strict=False)
    ]
    assert waits[:5] == [5, 10, 20, 40, 80]
    assert [one.answer for one in sent.attempts][-2:] == ["500", "204"]
    assert sent.state == "taken"


def test_events_of_an_order_come_in_its_order_whatever_fails(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    failing = iter([True, False, True, True, False])

    def behave(handler: BaseHTTPRequestHandler) -> None:
        answer(503 if next(failing, False) else 200)(handler)

    receiver.behaviour = behave
    mailroom.add(receiver.url)
    for told in (EventType.ORDER_PLACED, EventType.ORDER_DONE, EventType.ORDER_CANCELLED):
        mailroom.tell(told)

    mailroom.settle(0.02, step=5)

    assert [told.split()[0] for told in receiver.told] == [
        "order.placed",
        "order.placed",
        "order.done",
        "order.done",
        "order.done",
        "order.cancelled",
    ]


def test_an_order_whose_event_fails_keeps_no_other_order_back(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        answer(500 if receiver.received[-1]["data"]["order_id"] == ORDER else 200)(handler)

    receiver.behaviour = behave
    endpoint = mailroom.add(receiver.url)
    mailroom.tell(EventType.ORDER_PLACED)
    mailroom.tell(EventType.ORDER_DONE)
    mailroom.tell(EventType.ORDER_PLACED, OTHER)

    mailroom.drain()

    assert sorted(receiver.told) == [f"order.placed {ORDER}", f"order.placed {OTHER}"]
    assert mailroom.states(endpoint) == ["waiting", "waiting", "taken"]


def test_a_message_whose_event_fails_keeps_no_other_message_back(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        answer(400 if receiver.received[-1]["data"]["message"] == "stray-1" else 200)(handler)

    receiver.behaviour = behave
    endpoint = mailroom.add(receiver.url)
    for name in ("1", "2"):
        mailroom.ledger.strays.record(
            name, arrived_at=mailroom.clock(), queue="q", reason="unknown-task", name="n", body=b""
        )

    mailroom.drain()

    assert mailroom.states(endpoint) == ["waiting", "taken"]
    assert [sent.order_id for sent in mailroom.sent(endpoint)] == ["", ""]


def test_a_slow_endpoint_is_given_up_and_keeps_no_other_from_its_events(
    mailroom: Mailroom, receive: Callable[[], Receiver]
) -> None:
    slow, quick = receive(), receive()
    slow.behaviour = never(slow)
    endpoint = mailroom.add(slow.url)
    mailroom.add(quick.url)
    for number in range(12):
        mailroom.tell(order_id=f"{number}")

    messages = mailroom.dispatch()
    for message in messages:
        if message.endpoint != endpoint.id:
            mailroom.send(message, may_go_on=True)
    mailroom.send(next(message for message in messages if message.endpoint == endpoint.id))

    assert len([m for m in messages if m.endpoint == endpoint.id]) == mailroom.settings.at_once
    assert len(quick.received) == 12
    assert mailroom.answers(endpoint) == ["no answer within 1 s"]


def test_a_dead_endpoint_is_tried_by_one_event_at_a_time_and_has_all_once_it_is_back(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    receiver.behaviour = answer(502)
    endpoint = mailroom.add(receiver.url)
    for number in range(20):
        mailroom.tell(order_id=f"{number}")
    mailroom.settle(0.5)
    tries = len(receiver.received)
    mailroom.clock.advance(300)
    probes = mailroom.dispatch()

    receiver.behaviour = answer(200)
    mailroom.clock.advance(10)
    mailroom.settle(0.2)

    assert tries < 20
    assert len(probes) == 1
    assert mailroom.states(endpoint) == ["taken"] * 20
    assert mailroom.endpoint(endpoint).failing_since is None


def test_an_endpoint_that_nobody_listens_at_is_no_answer(
    mailroom: Mailroom, receive: Callable[[], Receiver]
) -> None:
    gone = receive()
    gone.stop()
    endpoint = mailroom.add(gone.url)
    mailroom.tell()

    mailroom.drain()

    assert mailroom.answers(endpoint) == ["no connection (NewConnectionError)"]


def test_an_endpoint_that_promises_a_body_and_sends_none_has_taken_the_event(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    def lie(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.flush()
        receiver.hold.wait()

    receiver.behaviour = lie
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()

    mailroom.drain()

    assert mailroom.states(endpoint) == ["taken"]


def test_an_endless_answer_is_not_read(mailroom: Mailroom, receiver: Receiver) -> None:
    written: list[int] = []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            written.append(handler.wfile.write(b"x" * 65536))

    receiver.behaviour = flood
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()

    mailroom.drain()

    assert mailroom.states(endpoint) == ["taken"]


def test_a_head_without_end_is_no_answer(mailroom: Mailroom, receiver: Receiver) -> None:
    def babble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-More: " + b"x" * 70_000 + b"\r\n")

    receiver.behaviour = babble
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()

    mailroom.drain()

    assert mailroom.states(endpoint) == ["waiting"]


def test_a_redirect_is_not_followed(
    mailroom: Mailroom, receiver: Receiver, receive: Callable[[], Receiver]
) -> None:
    private = receive()
    receiver.behaviour = answer(307, Location=private.url)
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()

    mailroom.drain()

    assert private.received == []
    assert mailroom.answers(endpoint) == ["307"]


def test_what_an_endpoint_asks_to_wait_is_waited(mailroom: Mailroom, receiver: Receiver) -> None:
    receiver.behaviour = answer(429, Retry_After="120")
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()
    mailroom.drain()
    mailroom.tell(order_id=OTHER)

    receiver.behaviour = answer(200)
    mailroom.clock.advance(119)
    mailroom.drain()
    before = list(receiver.received)
    mailroom.clock.advance(2)
    mailroom.drain()

    assert len(before) == 1
    assert mailroom.states(endpoint) == ["taken", "taken"]


@pytest.mark.parametrize("seconds", ["9" * 15, "9" * 400])
def test_an_endpoint_that_asks_for_ages_is_tried_again_in_a_day(
    mailroom: Mailroom, receiver: Receiver, seconds: str
) -> None:
    receiver.behaviour = answer(500, Retry_After=seconds)
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()
    mailroom.drain()

    receiver.behaviour = answer(200)
    mailroom.clock.advance(86_400)
    mailroom.drain()

    assert mailroom.answers(endpoint) == ["500", "200"]


def test_an_endpoint_that_is_gone_is_switched_off_and_the_others_are_told(
    mailroom: Mailroom, receive: Callable[[], Receiver]
) -> None:
    gone, other = receive(), receive()
    gone.behaviour = answer(410)
    endpoint = mailroom.add(gone.url)
    mailroom.add(other.url, EventType.ENDPOINT_OFF)
    mailroom.tell()
    mailroom.tell(order_id=OTHER)

    mailroom.settle(1)

    assert mailroom.endpoint(endpoint).off_why == "gone"
    assert len(gone.received) <= 2
    assert [event["data"] for event in other.received] == [
        {"endpoint": endpoint.id, "cause": "endpoint.gone"}
    ]


def test_an_endpoint_that_fails_for_days_is_switched_off_and_goes_on_where_it_was(
    mailroom: Mailroom, receive: Callable[[], Receiver]
) -> None:
    failing, other = receive(), receive()
    failing.behaviour = answer(500)
    endpoint = mailroom.add(failing.url)
    mailroom.add(other.url, EventType.ENDPOINT_OFF)
    mailroom.tell()
    mailroom.settle(mailroom.settings.off_after_hours + 2, step=600)
    was_off, tries = mailroom.endpoint(endpoint).off_why, len(failing.received)
    mailroom.settle(5, step=600)

    failing.behaviour = answer(200)
    mailroom.ledger.endpoints.enable(endpoint.id, Act(mailroom.clock(), "me"))
    mailroom.drain()

    assert was_off == "failing"
    assert len(failing.received) == tries + 1
    assert mailroom.states(endpoint) == ["taken"]
    assert other.received[0]["data"]["cause"] == "endpoint.failing"


def test_an_event_that_is_never_taken_is_given_up_in_the_end(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        answer(400 if receiver.received[-1]["data"]["order_id"] == ORDER else 200)(handler)

    receiver.behaviour = behave
    endpoint = mailroom.add(receiver.url)
    mailroom.tell(EventType.ORDER_PLACED)
    mailroom.tell(EventType.ORDER_DONE)
    mailroom.policy = POLICY.model_copy(update={"attempts": 3})
    for number in range(4):
        mailroom.tell(order_id=OTHER, mark=f"{number}")
        mailroom.settle(0.01, step=20)

    assert mailroom.states(endpoint)[0] == "given up"
    assert f"order.done {ORDER}" in receiver.told
    backlog = mailroom.ledger.outbox_log.backlogs(now=mailroom.clock())[endpoint.id]
    assert backlog.given_up == mailroom.states(endpoint).count("given up")


def test_a_sender_that_died_before_it_noted_the_answer_costs_a_second_copy_and_no_event(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    endpoint = mailroom.add(receiver.url)
    processes, clock = mailroom.ledger.processes, mailroom.clock
    processes.seen("dead", node="n", queues=["events"], threads=1, now=clock())
    mailroom.tell(EventType.ORDER_PLACED)
    mailroom.tell(EventType.ORDER_DONE)
    [message] = mailroom.dispatch()
    mailroom.ledger.deliveries.claim(message.endpoint, message.delivery, owner="dead", now=clock())

    mailroom.drain()
    alone = list(receiver.received)
    clock.advance(SILENT_FOR.total_seconds() + 1)
    processes.bury(now=clock())
    mailroom.drain()

    assert alone == []
    assert [told.split()[0] for told in receiver.told] == ["order.placed", "order.done"]
    assert mailroom.states(endpoint) == ["taken", "taken"]


def test_a_sender_that_was_overtaken_ends_nothing(mailroom: Mailroom, receiver: Receiver) -> None:
    endpoint = mailroom.add(receiver.url)
    mailroom.tell()
    [message] = mailroom.dispatch()

    def replay(handler: BaseHTTPRequestHandler) -> None:
        mailroom.ledger.outbox_log.replay(endpoint.id, since=mailroom.clock(), act=mailroom.act)
        answer(200)(handler)

    receiver.behaviour = replay
    mailroom.send(message)
    receiver.behaviour = answer(200)

    assert mailroom.states(endpoint) == ["waiting"]
    mailroom.drain()
    assert mailroom.states(endpoint) == ["taken"]


def test_one_event_or_a_span_of_time_is_sent_again(mailroom: Mailroom, receiver: Receiver) -> None:
    endpoint = mailroom.add(receiver.url)
    ids = []
    for mark in ("1", "2", "3"):
        ids.append(mailroom.tell(mark=mark))
        mailroom.drain()
        mailroom.clock.advance(3600)
    since = mailroom.clock() - timedelta(hours=2)
    receiver.headers.clear()

    mailroom.ledger.outbox_log.replay(endpoint.id, event_id=ids[0], act=mailroom.act)
    mailroom.drain()
    number = mailroom.ledger.outbox_log.replay(endpoint.id, since=since, act=mailroom.act)
    mailroom.drain()

    assert number == 2
    assert receiver.ids == ids


def test_what_happens_while_an_endpoint_is_off_can_be_replayed(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    endpoint, act = mailroom.add(receiver.url), Act(mailroom.clock(), "me")
    mailroom.ledger.endpoints.disable(endpoint.id, act)
    event_id = mailroom.tell()
    mailroom.settle(0.1)
    mailroom.ledger.endpoints.enable(endpoint.id, act)
    mailroom.drain()
    while_off = list(receiver.received)

    mailroom.ledger.outbox_log.replay(endpoint.id, since=act.at, act=mailroom.act)
    mailroom.drain()

    assert while_off == []
    assert receiver.ids == [event_id]


def test_many_endpoints_share_the_threads_and_one_has_no_more_than_its_part(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    for _ in range(5):
        mailroom.add(receiver.url)
    for number in range(10):
        mailroom.tell(order_id=f"{number}")
    mailroom.threads = 5

    messages = mailroom.dispatch()

    assert sorted(message.endpoint for message in messages) == [f"ep_{n}" for n in range(5)]


def test_what_waits_behind_an_event_that_is_sent_again_is_sent_after_it_at_once(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    receiver.behaviour = answer(400)
    endpoint = mailroom.add(receiver.url)
    ids = [mailroom.tell(mark=mark) for mark in ("1", "2", "3")]
    mailroom.settle(0.5)
    receiver.behaviour = answer(200)
    receiver.headers.clear()

    mailroom.ledger.outbox_log.replay(endpoint.id, event_id=ids[0], act=mailroom.act)
    mailroom.clock.advance(300)
    mailroom.drain()

    assert receiver.ids == ids


def test_every_try_is_counted_by_endpoint_and_outcome(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    answers = iter([500, 200])

    def behave(handler: BaseHTTPRequestHandler) -> None:
        answer(next(answers, 400))(handler)

    receiver.behaviour = behave
    endpoint = mailroom.add(receiver.url)
    mailroom.tell(mark="1")
    mailroom.settle(0.1)
    mailroom.policy = POLICY.model_copy(update={"attempts": 1})
    mailroom.tell(mark="2")
    mailroom.drain()

    counted = {
        outcome: mailroom.metrics.registry.get_sample_value(
            "orders_sync_endpoint_deliveries_total", {"endpoint": endpoint.id, "outcome": outcome}
        )
        for outcome in ("taken", "failed", "given_up")
    }
    assert counted == {"taken": 1, "failed": 1, "given_up": 1}
