"""Events of real orders, sent by real workers that are killed while they send."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from support.event_receiver import Receiver, answer, never, receiving
from support.plant import Plant
from support.waiting import until

from orders_sync.ledger import Ledger
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.journal import Act
from orders_sync.signing import new_secret


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def ledger(plant: Plant) -> Iterator[Ledger]:
    url = f"sqlite:///{plant.home / 'ledger.sqlite3'}"
    with closing(Ledger(url, lease=timedelta(seconds=60))) as ledger:
        yield ledger


def add_endpoint(plant: Plant, ledger: Ledger, receiver: Receiver) -> Endpoint:
    plant.environment["ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES"] = "true"
    now = datetime.now(UTC)
    endpoint = Endpoint("ep_1", receiver.url, None, None, new_secret(), now)
    ledger.endpoints.add(endpoint, Act(now, "me"))
    return endpoint


def test_what_becomes_of_orders_comes_to_an_endpoint_in_order(
    plant: Plant, ledger: Ledger, receiver: Receiver
) -> None:
    endpoint = add_endpoint(plant, ledger, receiver)
    orders = plant.box.create_orders(10)
    plant.start_worker()
    plant.start_beat()

    until(lambda: len(set(receiver.ids)) == 2 * len(orders), "every event has come")

    events: defaultdict[str, list[str]] = defaultdict(list)
    for event in receiver.received:
        events[event["data"]["order_id"]].append(event["type"])
    assert set(events) == set(orders)
    assert all(told == ["order.placed", "order.done"] for told in events.values())
    assert receiver.verify(endpoint.secret)


def test_a_worker_that_is_killed_while_it_sends_costs_a_second_copy_and_no_event(
    plant: Plant, ledger: Ledger, receiver: Receiver
) -> None:
    add_endpoint(plant, ledger, receiver)
    receiver.behaviour = never(receiver)
    orders = plant.box.create_orders(3)
    victim = plant.start_worker(1)
    plant.start_beat()
    until(lambda: len(receiver.ids) >= 2, "the first worker waits for an answer")

    victim.kill()
    receiver.behaviour = answer(204)
    plant.start_worker(2)

    until(lambda: len(set(receiver.ids)) == 2 * len(orders), "every event has come")
    until(lambda: not ledger.outbox_log.backlogs(now=datetime.now(UTC)), "and is noted")
    assert max(Counter(receiver.ids).values()) == 2
