"""What becomes of answers that break, stall or grow, over real sockets."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from unit.vtex.loopback import OK, Loopback, chunked, whole
from urllib3.connection import HTTPConnection

from orders_sync.domain.time import since_boot
from orders_sync.errors import OrdersSyncError, OutcomeUnknown, Unavailable, Unreadable
from orders_sync.http_client import until
from orders_sync.vtex.transport import Request, RequestsTransport, Response

READ = Request("GET", "/api/orders/feed", query={"maxlot": "10"})
WRITE = Request("POST", "/api/orders/feed", body=b'{"handles": []}')


def send(url: str, request: Request, **bounds: Any) -> Response:
    with closing(RequestsTransport(url, **bounds)) as transport:
        return transport.send(request)


def error_of(url: str, request: Request, **bounds: Any) -> OrdersSyncError:
    with pytest.raises(OrdersSyncError) as raised:
        send(url, request, **bounds)
    return raised.value


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="closed before the answer"),
        pytest.param(b"220 mail.example ESMTP\r\n", id="not HTTP"),
        pytest.param(OK + b"Content-Length: 10\r\n\r\n[1", id="closed midway in the body"),
        pytest.param(chunked(b"[1]")[:-8], id="closed midway in a chunk"),
        pytest.param(chunked(b"[1]")[:-5], id="closed before the last chunk"),
        pytest.param(chunked(b"[1]").replace(b"3\r\n", b"no\r\n"), id="a chunk without a size"),
        pytest.param(whole(b"[1]", "Content-Encoding: gzip"), id="not compressed as it says"),
    ],
)
def test_an_answer_that_is_lost_leaves_only_a_write_in_doubt(
    loopback: Callable[..., Loopback], answer: bytes
) -> None:
    peer = loopback(answer, answer)

    errors = error_of(peer.url, READ), error_of(peer.url, WRITE)

    assert tuple(map(type, errors)) == (Unavailable, OutcomeUnknown)
    assert len(peer.received) == 2


def test_silence_ends_at_the_read_time_out(loopback: Callable[..., Loopback]) -> None:
    error = error_of(loopback(None).url, WRITE, read_seconds=0.05)

    assert isinstance(error, OutcomeUnknown)
    assert "ReadTimeout" in str(error)


@pytest.mark.parametrize("request_", [READ, WRITE])
def test_a_refused_connection_leaves_nothing_in_doubt(request_: Request) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    error = error_of(f"http://127.0.0.1:{port}", request_)

    assert isinstance(error, Unavailable)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(requests.ConnectTimeout("?"), Unavailable, id="never connected"),
        pytest.param(requests.ConnectionError("?"), OutcomeUnknown, id="cut at some time"),
        pytest.param(requests.ReadTimeout("?"), OutcomeUnknown, id="no answer"),
        pytest.param(requests.exceptions.SSLError("?"), OutcomeUnknown, id="TLS broken"),
    ],
)
def test_a_write_is_in_doubt_unless_no_connection_was_made(
    raised: Exception, expected: type[OrdersSyncError]
) -> None:
    class Failing(BaseAdapter):
        def send(self, *_: object, **__: object) -> requests.Response:
            raise raised

        def close(self) -> None:
            pass

    assert type(error_of("http://127.0.0.1", WRITE, adapter=Failing())) is expected


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(whole(b"x" * 101), id="said so before"),
        pytest.param(chunked(b"x" * 60, b"x" * 60), id="grew"),
        pytest.param(whole(gzip.compress(b"x" * 5000), "Content-Encoding: gzip"), id="unpacked"),
        pytest.param(whole(b"x" * 101, "Location: /", status="302 Found"), id="of a redirect"),
    ],
)
def test_a_body_above_the_bound_is_not_read(
    loopback: Callable[..., Loopback], answer: bytes
) -> None:
    peer = loopback(answer, answer)

    errors = [error_of(peer.url, request, max_body_bytes=100) for request in (READ, WRITE)]

    assert [type(error) for error in errors] == [Unreadable, OutcomeUnknown]
    assert all("ORDERS_SYNC_VTEX__MAX_BODY_BYTES" in str(error) for error in errors)


def test_a_body_of_just_the_bound_is_read(loopback: Callable[..., Loopback]) -> None:
    peer = loopback(whole(b"x" * 100))

    assert len(send(peer.url, READ, max_body_bytes=100).body) == 100


@pytest.mark.parametrize(("request_", "error_type"), [(READ, Unavailable), (WRITE, OutcomeUnknown)])
def test_a_body_that_stalls_ends_at_the_deadline(
    loopback: Callable[..., Loopback],
    stand_still_after: Callable[[Any, str], None],
    request_: Request,
    error_type: type[OrdersSyncError],
) -> None:
    peer = loopback(OK + b"Content-Length: 10\r\n\r\n", None, keeps_alive=True)
    stand_still_after(HTTPConnection, "getresponse")

    error = error_of(peer.url, request_, total_seconds=7)

    assert type(error) is error_type
    assert "longer than 7 s" in str(error)


def test_nothing_is_sent_once_the_time_of_a_write_is_over(
    loopback: Callable[..., Loopback],
) -> None:
    peer = loopback(whole(b"{}"))

    with until(since_boot() - 1):
        error = error_of(peer.url, WRITE)

    assert isinstance(error, Unavailable)
    assert "nothing was sent" in str(error)
    assert not peer.connections


@pytest.mark.parametrize(
    ("owner", "method", "error_type"),
    [
        pytest.param(HTTPConnection, "connect", Unavailable, id="before the head"),
        pytest.param(socket.socket, "sendall", OutcomeUnknown, id="before the body"),
    ],
)
def test_a_process_that_stood_still_sends_no_more_of_a_write(
    loopback: Callable[..., Loopback],
    stand_still_after: Callable[[Any, str], None],
    owner: Any,
    method: str,
    error_type: type[OrdersSyncError],
) -> None:
    peer = loopback(whole(b"{}"))
    stand_still_after(owner, method)

    error = error_of(peer.url, WRITE)

    assert isinstance(error, error_type)
    assert not peer.received
