"""What the transport sends and brings back, over real sockets."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import closing

import pytest
from unit.vtex.loopback import OK, Loopback, chunked, whole

from orders_sync.errors import ConfigurationError
from orders_sync.vtex.transport import Request, RequestsTransport, Response

READ = Request("GET", "/api/orders/feed", query={"maxlot": "10"})
WRITE = Request("POST", "/api/orders/feed", body=b'{"handles": []}')


def send(url: str, request: Request) -> Response:
    with closing(RequestsTransport(url)) as transport:
        return transport.send(request)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(whole(b"[1]"), id="with a length"),
        pytest.param(chunked(b"[", b"1]"), id="in chunks"),
        pytest.param(OK + b"\r\n[1]", id="until the connection closes"),
        pytest.param(whole(gzip.compress(b"[1]"), "Content-Encoding: gzip"), id="compressed"),
    ],
)
def test_a_response_is_read_whole(loopback: Callable[..., Loopback], answer: bytes) -> None:
    response = send(loopback(answer).url, READ)

    assert (response.status, response.body) == (200, b"[1]")


def test_a_request_arrives_as_it_was_written(loopback: Callable[..., Loopback]) -> None:
    peer = loopback(whole(b""))
    headers = {"X-VTEX-API-AppKey": "key", "Content-Type": "application/json"}

    send(peer.url, Request("PUT", "/a/x%2Fy%20z", {"q": "a b"}, b"{}", headers))

    head, body = peer.received[0].split(b"\r\n\r\n")
    assert head.startswith(b"PUT /a/x%2Fy%20z?q=a+b HTTP/1.1\r\n")
    assert b"\r\nX-VTEX-API-AppKey: key\r\n" in head
    assert body == b"{}"


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "503 Unavailable"])
def test_every_status_is_a_response(loopback: Callable[..., Loopback], status: str) -> None:
    peer = loopback(f"HTTP/1.1 {status}\r\nretry-after: 5\r\nContent-Length: 0\r\n\r\n".encode())

    response = send(peer.url, WRITE)

    assert response.status == int(status[:3])
    assert response.header("Retry-After") == "5"
    assert len(peer.received) == 1


def test_a_308_to_the_same_host_is_followed_with_the_same_call(
    loopback: Callable[..., Loopback],
) -> None:
    moved = whole(b"", "Location: /api/v2/feed?from=v1", status="308 Permanent Redirect")
    peer = loopback(moved, whole(b"[1]"))

    response = send(peer.url, WRITE)

    assert response.body == b"[1]"
    assert peer.received[1].startswith(b"POST /api/v2/feed?from=v1 HTTP/1.1")
    assert peer.received[1].endswith(b'{"handles": []}')


def test_no_redirect_takes_the_credentials_to_another_host(
    loopback: Callable[..., Loopback],
) -> None:
    other = loopback(whole(b""))
    moved = whole(b"", f"Location: {other.url}/", status="308 Permanent Redirect")
    found = whole(b"", "Location: /login", status="302 Found")
    peer = loopback(moved, found)

    statuses = [send(peer.url, READ).status for _ in range(2)]

    assert statuses == [308, 302]
    assert other.received == []
    assert len(peer.received) == 2


@pytest.mark.parametrize("location", ["http://[x", "ftp://127.0.0.1/", "//other.example/"])
def test_a_308_to_nowhere_is_not_followed(loopback: Callable[..., Loopback], location: str) -> None:
    moved = whole(b"", f"Location: {location}", status="308 Permanent Redirect")

    assert send(loopback(moved).url, READ).status == 308


def test_a_308_that_leads_in_circles_is_given_up(loopback: Callable[..., Loopback]) -> None:
    moved = whole(b"", "Location: /api/orders/feed", status="308 Permanent Redirect")
    peer = loopback(moved, moved)

    assert send(peer.url, READ).status == 308


def test_a_connection_is_used_again_and_cookies_are_not_kept(
    loopback: Callable[..., Loopback],
) -> None:
    answer = OK + b"Set-Cookie: VtexIdclientAutCookie=secret; Path=/\r\nContent-Length: 1\r\n\r\nx"
    peer = loopback(answer, answer, keeps_alive=True)

    with closing(RequestsTransport(peer.url)) as transport:
        transport.send(READ)
        transport.send(READ)

    assert peer.connections == 1
    assert b"cookie" not in peer.received[1].lower()


def test_the_environment_sends_no_call_through_a_proxy(
    loopback: Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert send(loopback(whole(b"[1]")).url, READ).status == 200


def test_a_key_with_a_line_break_is_named_and_not_repeated(
    loopback: Callable[..., Loopback],
) -> None:
    peer = loopback(whole(b""))

    with pytest.raises(ConfigurationError, match="APP_KEY") as raised:
        send(peer.url, Request("GET", "/", headers={"X-VTEX-API-AppKey": "secret\n"}))

    assert "secret" not in str(raised.value)
    assert peer.received == []


@pytest.mark.parametrize(
    "url", ["", "mystore.example", "ftp://mystore.example", "https://", "http://[x", "http://x:y"]
)
def test_a_base_url_that_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="BASE_URL"):
        RequestsTransport(url)
