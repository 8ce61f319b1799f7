"""The client's calls: what it sends, what it makes of the answers, what it keeps to itself."""

from __future__ import annotations

import json
import tracemalloc
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from unit.vtex.recording import CREDENTIALS, Recorder, client_of, sample

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.errors import (
    AlreadySo,
    ConfigurationError,
    NotFound,
    OutcomeUnknown,
    Unavailable,
    Unreadable,
)
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.endpoints import segment
from orders_sync.vtex.exchange import Response
from orders_sync.vtex.feed import FeedConfiguration


def test_the_feed_is_read_exactly() -> None:
    client, recorder = client_of("feed")

    events = client.get_feed()

    assert events == [
        OrderEvent(
            order_id="953712004126-01",
            domain="Fulfillment",
            state="ready-for-handling",
            last_state="window-to-cancel",
            current_change="2019-08-12T20:54:23.7153839Z",
            event_id="ED423DDED4C1AE580CADAC1A4D02DA3F",
            handle="eyJhbGciOiJIUzI1NiIs.payload.signature",
        )
    ]
    assert recorder.requests[0].query == {"maxlot": "10"}


def test_a_poison_item_does_not_stop_its_lot() -> None:
    client, _ = client_of("feed-with-poison")

    events = client.get_feed()

    assert [type(found) for found in events] == [
        OrderEvent,
        UnreadableEvent,
        UnreadableEvent,
        OrderEvent,
    ]
    assert [found.handle for found in events] == ["h1", "h2", None, "h3"]


@pytest.mark.parametrize("answer", ["feed-empty", "accepted-200-empty"])
def test_an_empty_feed_gives_no_events(answer: str) -> None:
    client, _ = client_of(answer)

    assert client.get_feed() == []


def test_half_a_character_in_one_event_leaves_the_others_readable() -> None:
    items = b'[{"orderId": "\\ud83d", "handle": "h", "currentChange": "c"}, 1]'
    client, _ = client_of(Response(200, {}, items))

    assert [found.handle for found in client.get_feed()] == ["h", None]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b'{"orderId": "1-01", "handle": "h\xff"}', id="a bad byte in the handle"),
        pytest.param(b'{"orderId": "1\xff-01", "handle": "h1"}', id="a bad byte in the order"),
        pytest.param(b'{"orderId": %b, "handle": "h1"}' % (b"7" * 5000), id="endless digits"),
        pytest.param(b'{"handle": "h1", "state": {"a": %b}}' % (b"7" * 5000), id="no order"),
    ],
)
def test_a_broken_item_of_the_feed_spoils_no_other(broken: bytes) -> None:
    right = b'{"orderId": "2-01", "handle": "h2"}'
    client, _ = client_of(Response(200, {}, b"[" + broken + b"," + right + b"]"))

    spoilt, whole = client.get_feed()

    assert isinstance(spoilt, UnreadableEvent)
    assert spoilt.handle in {None, "h1"}
    assert isinstance(whole, OrderEvent)
    assert whole.order_id == "2-01"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"null," * 10 + b"null]", id="eleven items"),
        pytest.param(b"[" + b"null," * 4_000_000 + b"null]", id="twenty megabytes of items"),
        pytest.param(b'["' + b"x" * 700_000 + b'"]', id="one item of a length"),
    ],
)
def test_a_lot_of_more_than_was_asked_for_is_refused(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))
    tracemalloc.start()

    with pytest.raises(Unreadable, match="was asked for 10 events at most"):
        client.get_feed()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_feed_without_a_configuration_is_not_found() -> None:
    client, _ = client_of("feed-not-configured")

    with pytest.raises(NotFound, match="get_feed"):
        client.get_feed()


def test_a_feed_that_is_no_list_is_unreadable() -> None:
    client, _ = client_of("feed-configuration")

    with pytest.raises(Unreadable, match="list of events"):
        client.get_feed()


@pytest.mark.parametrize("max_lot", [0, 11])
def test_a_lot_that_vtex_does_not_give_is_not_asked_for(max_lot: int) -> None:
    client, recorder = client_of()

    with pytest.raises(ValueError, match="1 to 10"):
        client.get_feed(max_lot)
    assert recorder.requests == []


@pytest.mark.parametrize("answer", ["accepted-200-empty", "accepted-200-plain", "feed-empty"])
def test_handles_are_committed_whatever_the_success_says(answer: str) -> None:
    client, recorder = client_of(answer)

    client.commit_feed(["h1", "h2"])

    sent = recorder.requests[0]
    assert (sent.method, sent.path) == ("POST", "/api/orders/feed")
    assert json.loads(sent.body or b"") == {"handles": ["h1", "h2"]}


def test_no_handles_are_no_call() -> None:
    client, recorder = client_of()

    client.commit_feed([])

    assert recorder.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("feed-not-configured", id="404"),
        pytest.param("accepted-200-empty", id="empty"),
        pytest.param(Response(200, {}, b"null"), id="null"),
        pytest.param(Response(200, {}, b"{}"), id="an empty object"),
        pytest.param(Response(200, {}, b'{"filter": null, "queue": null}'), id="nulls"),
    ],
)
def test_an_absent_feed_configuration_is_none(answer: Response | str) -> None:
    client, _ = client_of(answer)

    assert client.get_feed_configuration() is None


def test_the_feed_configuration_is_set() -> None:
    client, recorder = client_of("accepted-200-empty")
    wanted = FeedConfiguration.from_workflow(
        ["handling"], visibility_seconds=240, retention_seconds=345_600
    )

    client.set_feed_configuration(wanted)

    assert recorder.sent == ("POST", "/api/orders/feed/config", wanted.to_wire())


def test_a_configuration_that_vtex_would_refuse_is_not_sent() -> None:
    client, recorder = client_of()

    with pytest.raises(ConfigurationError):
        client.set_feed_configuration(FeedConfiguration())
    assert recorder.requests == []


def test_an_order_is_given_as_it_was_received() -> None:
    document = '{ "orderId":"1-01",  "name":"João" }\n'.encode()
    client, recorder = client_of(Response(200, {}, document))

    assert client.get_order("1-01") == document
    assert recorder.requests[0].path == "/api/oms/pvt/orders/1-01"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'{"orderId": "2-01"}', b'{"orderId": null}']
)
def test_an_answer_that_is_not_the_orders_document_is_unreadable(body: bytes) -> None:
    client, _ = client_of(Response(200, {}, body))

    with pytest.raises(Unreadable, match="get_order 1-01"):
        client.get_order("1-01")


def test_an_order_whose_answer_was_cut_short_is_asked_for_again() -> None:
    client, _ = client_of(Response(200, {}, b'{"orderId": "1-01", "val'))

    with pytest.raises(Unavailable, match="get_order 1-01"):
        client.get_order("1-01")


def test_handling_is_started_by_a_204() -> None:
    client, recorder = client_of("handling-started-204")

    client.start_handling("1-01")

    sent = recorder.requests[0]
    assert (sent.method, sent.path) == ("POST", "/api/oms/pvt/orders/1-01/start-handling")


@pytest.mark.parametrize("status", [200, 201, 202])
def test_another_success_of_start_handling_is_in_doubt(status: int) -> None:
    client, _ = client_of(Response(status))

    with pytest.raises(OutcomeUnknown, match="start_handling 1-01"):
        client.start_handling("1-01")


def test_start_handling_of_an_order_past_it_says_so() -> None:
    client, _ = client_of("wrong-status-400")

    with pytest.raises(AlreadySo):
        client.start_handling("1-01")


def test_renewed_credentials_are_used_from_the_next_call_on() -> None:
    recorder = Recorder([sample("feed-empty"), sample("feed-empty")])
    current = [CREDENTIALS]
    client = VtexClient("mystore", recorder, lambda: current[-1])

    client.get_feed()
    current.append(Credentials(SecretStr("the-key"), SecretStr("renewed")))
    client.get_feed()

    tokens = [sent.headers["X-VTEX-API-AppToken"] for sent in recorder.requests]
    assert tokens == ["the-token", "renewed"]


def test_no_repr_shows_a_secret() -> None:
    client, recorder = client_of("feed-empty")
    client.get_feed()

    shown = repr(client) + repr(CREDENTIALS) + repr(recorder.requests)

    assert "the-key" not in shown
    assert "the-token" not in shown


@pytest.mark.parametrize("token", ["", "two words", "line\n", "\r", "tökén", "\x00"])
def test_a_token_that_no_header_takes_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError, match="APP_TOKEN") as raised:
        Credentials(SecretStr("key"), SecretStr(token))

    assert not token.strip() or token not in str(raised.value)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_id_stays_one_segment_of_the_path(order_id: str) -> None:
    if order_id in {".", ".."}:
        return

    path = f"http://127.0.0.1/orders/{segment(order_id, 'get_order')}/start-handling"
    sent = urlsplit(requests.Request("POST", path).prepare().url or "").path

    assert [unquote(part) for part in sent.split("/")] == ["", "orders", order_id, "start-handling"]


@pytest.mark.parametrize("order_id", ["", ".", "..", "\ud800"])
def test_an_id_that_would_lead_to_another_path_is_not_asked_for(order_id: str) -> None:
    client, recorder = client_of()

    with pytest.raises(NotFound):
        client.get_order(order_id)
    assert recorder.requests == []
