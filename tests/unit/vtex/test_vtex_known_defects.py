"""Eight faults that VTEX clients are known for, and that this one is free of.

Where the wire matters, the peer is a real one on the loopback.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from unit.vtex.calls import PART
from unit.vtex.loopback import Loopback, whole
from unit.vtex.order_index import OrderIndex
from unit.vtex.recording import CREDENTIALS, client_of, sample

from orders_sync import errors
from orders_sync.errors import OrdersSyncError, OutcomeUnknown, RateLimited, Unavailable
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.feed import FeedConfiguration, FeedFilter, FeedQueue
from orders_sync.vtex.transport import RequestsTransport

Peers = Callable[..., Loopback]


def kept(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Word an answer after which the connection stays open."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def client_to(url: str) -> Iterator[VtexClient]:
    with closing(RequestsTransport(url)) as transport:
        yield VtexClient("mystore", transport, CREDENTIALS)


# 1. Writes were tried again by themselves, and lost connections were not told apart.


@pytest.mark.parametrize("status", ["409 Conflict", "429 Too Many Requests", "503 Unavailable"])
def test_the_client_never_repeats_a_write(loopback: Peers, status: str) -> None:
    peer = loopback(kept(b"", status), kept(b"{}"), keeps_alive=True)

    with client_to(peer.url) as client, pytest.raises(OrdersSyncError):
        client.invoice("1-01", PART)

    assert len(peer.received) == 1


def test_a_write_whose_connection_is_cut_is_in_doubt_and_made_once(loopback: Peers) -> None:
    peer = loopback(b"", kept(b"{}"))

    with client_to(peer.url) as client, pytest.raises(OutcomeUnknown, match="Read the order"):
        client.invoice("1-01", PART)

    assert len(peer.received) == 1


def test_a_read_whose_connection_is_cut_may_be_tried_again_by_the_caller(loopback: Peers) -> None:
    peer = loopback(b"", kept(b"[]"))

    with client_to(peer.url) as client:
        with pytest.raises(Unavailable):
            client.get_feed()
        assert client.get_feed() == []

    assert len(peer.received) == 2


# 2. Retry-After was not heeded.


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param("429 Too Many Requests", RateLimited, id="429"),
        pytest.param("503 Unavailable", Unavailable, id="503"),
    ],
)
def test_the_wait_that_vtex_asks_for_reaches_the_caller(
    loopback: Peers, status: str, expected: type[RateLimited | Unavailable]
) -> None:
    peer = loopback(kept(b"", status, "Retry-After: 30"))

    with client_to(peer.url) as client, pytest.raises(expected) as raised:
        client.get_feed()

    assert isinstance(raised.value, RateLimited | Unavailable)
    assert raised.value.retry_after == 30


# 3. Every attempt opened a connection.


def test_all_calls_of_a_thread_share_one_connection(loopback: Peers) -> None:
    peer = loopback(*[kept(b"[]")] * 20, keeps_alive=True)

    with client_to(peer.url) as client:
        for _ in range(20):
            client.get_feed()

    assert (len(peer.received), peer.connections) == (20, 1)


# 4. An order id could lead to another path.


def test_an_id_cannot_leave_its_place_in_the_path(loopback: Peers) -> None:
    peer = loopback(whole(b'{"orderId": "ab/../../x"}'))

    with client_to(peer.url) as client:
        client.get_order("ab/../../x")

    line = peer.received[0].splitlines()[0]
    assert line == b"GET /api/oms/pvt/orders/ab%2F..%2F..%2Fx HTTP/1.1"


# 5. Documents came back with their keys renamed and sorted.


def test_a_document_comes_back_byte_for_byte(loopback: Peers) -> None:
    document = (
        b'{ "orderId":"1-01","customData":{"fooBar":1,"foo_bar":2,"FooBar":3},"b":1,"a":2.50}'
    )
    peer = loopback(whole(document))

    with client_to(peer.url) as client:
        assert client.get_order("1-01") == document


def test_what_vtex_adds_to_a_configuration_is_sent_back_with_it() -> None:
    found = json.loads(sample("feed-configuration").body)
    found["filter"]["newWord"] = {"fooBar": 1, "foo_bar": 2}

    sent = FeedConfiguration.model_validate(found).to_wire()

    assert sent["filter"]["newWord"] == {"fooBar": 1, "foo_bar": 2}


# 6. The host was fixed, and nothing could be put in the transport's place.


def test_the_host_is_whichever_is_given(loopback: Peers) -> None:
    peer = loopback(whole(b"[]"))

    with client_to(f"{peer.url}/") as client:
        client.get_feed()

    assert f"Host: {peer.url.removeprefix('http://')}".encode() in peer.received[0]


def test_the_adapter_and_the_transport_are_whichever_are_given(loopback: Peers) -> None:
    peer = loopback(whole(b"[]"))

    class Counting(HTTPAdapter):
        calls = 0

        def send(self, *args: Any, **named: Any) -> requests.Response:
            self.calls += 1
            return super().send(*args, **named)

    with closing(Counting()) as adapter:
        VtexClient("mystore", RequestsTransport(peer.url, adapter=adapter), CREDENTIALS).get_feed()
    client, recorder = client_of("feed-empty")
    client.get_feed()

    assert (adapter.calls, len(recorder.requests)) == (1, 1)


# 7. Exceptions grew each time they were pickled.

ERRORS: list[OrdersSyncError] = [
    errors.RateLimited("slow", 30.0),
    errors.Unavailable("away", 3.0),
    errors.OutcomeUnknown("lost"),
    errors.AuthFailed("no key"),
    errors.NotFound("no order"),
    errors.Refused("OMS003", "wrong status"),
    errors.AlreadySo("OMS003", "wrong status"),
    errors.Unreadable("odd"),
    errors.ParkedError("not sent", cause="vtex.not_sendable", hint="Give a value."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_any_number_of_pickles(error: OrdersSyncError) -> None:
    again = error
    for _ in range(3):
        again = pickle.loads(pickle.dumps(again))  # noqa: S301 - our own bytes.

    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))


# 8. There were no iterators, nothing past page 30, and few filters.


def test_a_list_longer_than_thirty_pages_is_walked_whole() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    index = OrderIndex({f"{n}-01": start + timedelta(seconds=n) for n in range(3100)})

    rows = index.client.iterate_orders(start, start + timedelta(hours=1))

    assert [row.order_id for row in rows] == list(index.orders)


def test_a_feed_may_follow_an_expression() -> None:
    client, recorder = client_of("accepted-200-empty")

    client.set_feed_configuration(
        FeedConfiguration(
            filter=FeedFilter(type="FromOrders", expression='salesChannel = "2"'),
            queue=FeedQueue(visibility_seconds=240, retention_seconds=345_600),
        )
    )

    assert recorder.sent[2]["filter"] == {
        "type": "FromOrders",
        "expression": 'salesChannel = "2"',
    }
