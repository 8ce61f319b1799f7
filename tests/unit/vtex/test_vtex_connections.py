"""How many connections a process holds open, how long a call may hold one, and whom it trusts."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from unit.vtex.loopback import OK, Loopback
from urllib3.connection import HTTPSConnection

from orders_sync.errors import OutcomeUnknown, Unavailable
from orders_sync.vtex.connections import VtexAdapter
from orders_sync.vtex.transport import Request, RequestsTransport

READ = Request("GET", "/api/orders/feed")
WRITE = Request("POST", "/api/orders/feed", body=b"{}")
KEPT = OK + b"Content-Length: 2\r\n\r\n[]"


class Host:
    """A peer that answers every call on every connection, and knows which are open."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.opened = 0
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.opened += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                while connection.recv(65_536):
                    connection.sendall(KEPT)
        except OSError:
            connection.close()


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    made = [Host() for _ in range(4)]
    yield made
    for host in made:
        host.close()


def call(adapter: VtexAdapter, host: Host) -> None:
    RequestsTransport(f"http://127.0.0.1:{host.port}", adapter=adapter).send(READ)


def test_the_connection_that_is_idle_for_longest_is_closed(hosts: list[Host]) -> None:
    with closing(VtexAdapter(connections=2)) as adapter:
        for number in (0, 1, 0, 2, 0, 1):
            call(adapter, hosts[number])

    assert [host.opened for host in hosts[:3]] == [1, 2, 1]


def test_threads_share_the_connections_of_a_host(hosts: list[Host]) -> None:
    with closing(VtexAdapter(connections=4)) as adapter, ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            list(threads.map(call, [adapter] * 8, hosts[:1] * 8))

    assert hosts[0].opened <= 4


def test_a_connection_is_never_closed_while_it_is_used(hosts: list[Host]) -> None:
    with closing(VtexAdapter(connections=1)) as adapter, ThreadPoolExecutor(8) as threads:
        list(threads.map(call, [adapter] * 400, hosts * 100))


def pour(connection: socket.socket, part: bytes) -> None:
    """Answer without end: single bytes some time apart, and all else as fast as it is read."""
    pause = threading.Event()
    try:
        while not (len(part) == 1 and pause.wait(0.01)):
            connection.sendall(part)
    except OSError:
        connection.close()


@pytest.mark.parametrize(
    ("start", "part"),
    [
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="100 Continue"),
        pytest.param(b"HTTP/1.1 ", b"1", id="a status, byte by byte"),
        pytest.param(OK + b"X-Slow: ", b"x", id="a header, byte by byte"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="body"),
    ],
)
@pytest.mark.parametrize(("request_", "expected"), [(READ, Unavailable), (WRITE, OutcomeUnknown)])
def test_an_answer_without_end_ends_at_the_deadline(
    start: bytes, part: bytes, request_: Request, expected: type[Exception]
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65_536)
        connection.sendall(start)
        pour(connection, part)

    thread = threading.Thread(target=serve)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    with (
        closing(RequestsTransport(url, total_seconds=1, max_body_bytes=10**9)) as transport,
        pytest.raises(expected, match="longer than 1 s"),
    ):
        transport.send(request_)

    thread.join()
    listener.close()


def test_the_wait_for_the_next_bytes_is_no_longer_than_what_is_left(
    loopback: Callable[..., Loopback],
) -> None:
    peer = loopback(None)

    with (
        closing(RequestsTransport(peer.url, read_seconds=600, total_seconds=1)) as transport,
        pytest.raises(Unavailable, match="longer than 1 s"),
    ):
        transport.send(READ)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate of 127.0.0.1 that nobody trusts yet, with its key."""
    path = tmp_path_factory.mktemp("tls") / "host.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=loopback", "-keyout", str(path)]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(path.with_suffix(".crt"))]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl: apt-get install openssl")
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def tls_host(certificate: Path) -> Iterator[Host]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with closing(Host(context)) as host:
        yield host


def test_a_host_whose_certificate_nobody_signed_is_not_spoken_to(tls_host: Host) -> None:
    url = f"https://127.0.0.1:{tls_host.port}"

    with closing(RequestsTransport(url)) as transport, pytest.raises(OutcomeUnknown, match="SSL"):
        transport.send(WRITE)


def test_a_trusted_host_is_called_over_one_connection(tls_host: Host, certificate: Path) -> None:
    adapter = VtexAdapter(1, ca_file=str(certificate.with_suffix(".crt")))
    url = f"https://127.0.0.1:{tls_host.port}"

    with closing(RequestsTransport(url, adapter=adapter)) as transport:
        bodies = [transport.send(READ).body for _ in range(2)]

    assert bodies == [b"[]", b"[]"]
    assert tls_host.opened == 1


def test_a_process_that_stood_still_while_it_connected_sends_nothing(
    tls_host: Host, certificate: Path, stand_still_after: Callable[[Any, str], None]
) -> None:
    adapter = VtexAdapter(1, ca_file=str(certificate.with_suffix(".crt")))
    url = f"https://127.0.0.1:{tls_host.port}"
    stand_still_after(HTTPSConnection, "connect")

    with (
        closing(RequestsTransport(url, adapter=adapter)) as transport,
        pytest.raises(Unavailable, match="nothing was sent"),
    ):
        transport.send(WRITE)


def test_what_was_not_sent_of_a_call_that_is_given_up_is_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        write = Request("POST", "/api/orders/feed", body=b"x" * 60_000)
        with (
            closing(RequestsTransport(url, read_seconds=0.05)) as transport,
            pytest.raises(OutcomeUnknown),
        ):
            transport.send(write)

        arrived = 0
        with suppress(ConnectionError):
            connection, _ = listener.accept()
            with connection:
                while part := connection.recv(65_536):
                    arrived += len(part)

    assert arrived < len(write.body or b"")


def test_an_answer_may_take_longer_than_a_connection(
    loopback: Callable[..., Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []
    bound = socket.socket.settimeout

    def settimeout(sock: socket.socket, seconds: float | None) -> None:
        waits.append(seconds)
        bound(sock, seconds)

    monkeypatch.setattr(socket.socket, "settimeout", settimeout)
    url = loopback(KEPT).url
    with closing(RequestsTransport(url, connect_seconds=3, read_seconds=10)) as transport:
        transport.send(READ)

    assert waits[0] == 3
    assert 10 in waits
