"""HTTP as every room calls with it: where a URL leads, and connections whose calls end in time."""

from __future__ import annotations

import http.client
import io
import math
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from orders_sync.domain.time import since_boot

_PORTS: Final = {"http": 80, "https": 443}

#: Connections to one host that may wait open; the bound of all hosts is an `IdleConnections`'.
_MOST_IDLE: Final = 100

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)

#: What the other side has not confirmed within these seconds is not sent again.
#: https://man7.org/linux/man-pages/man7/tcp.7.html
_CONFIRMED_SECONDS: Final = 30
_SOCKET_OPTIONS: Final = [
    *HTTPConnection.default_socket_options,
    *(
        [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _CONFIRMED_SECONDS * 1000)]
        if hasattr(socket, "TCP_USER_TIMEOUT")
        else []
    ),
]

#: A socket that is closed so forgets what it has not sent yet, instead of sending it later.
_FORGETFUL: Final = struct.pack("ii", 1, 0)


class BadUrl(ValueError):
    """Raised for a URL that nothing can, or may, be sent to; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: `path` has the query, `host` no brackets."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == _PORTS["https" if self.is_tls else "http"]
        return host if is_usual else f"{host}:{self.port}"


def read_target(url: str) -> Target:
    """Return where a URL leads.

    Raises:
        BadUrl: it is none of HTTP's, or has a user or a fragment.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").encode("idna" if parts.hostname else "ascii").decode()
    except ValueError:
        raise BadUrl("it is no URL") from None
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl("it has characters that a URL cannot have; quote them")
    if parts.scheme not in _PORTS or not host:
        raise BadUrl("it must begin with https:// or http://, and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadUrl("it must have neither a user, a password nor a fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port, path)


def asked_seconds(header: str, now: datetime) -> float | None:
    """Return what a `Retry-After` asks for, in seconds from now; None where it makes no sense.

    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    text = header.strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


class NotBegun(HTTPError):
    """Raised where the time of a call is over before its first byte is sent.

    As one of urllib3's own errors it goes through a pool as it is.
    """


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Bound the calls made within by a time of `since_boot`, from the first byte to the last.

    Of several bounds the earliest holds. Nothing is sent after it, whatever held the process up.
    """
    token = _DEADLINE.set(min(deadline, _DEADLINE.get()))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def seconds_left() -> float:
    """Return how long the calls of this block may still take; nothing is sent once none are."""
    return _DEADLINE.get() - since_boot()


class _TimedStream(io.RawIOBase):
    """What a socket receives, until the deadline of the call."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._received = sock.makefile("rb", buffering=0)
        self._patience = sock.gettimeout()
        self._deadline = _DEADLINE.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - since_boot()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left if self._patience is None else min(left, self._patience))
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """A response whose head, and any `100 Continue` before it, is bounded like its body."""

    def __init__(self, sock: socket.socket, *args: Any, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedStream(sock))


class _TimedConnection(HTTPConnection):
    """Sends nothing after the deadline, and takes back what it can of a call without an answer."""

    response_class = _TimedResponse
    _is_unanswered = False

    def putrequest(self, *args: Any, **named: Any) -> None:
        self._is_unanswered = False
        super().putrequest(*args, **named)

    def connect(self) -> None:
        super().connect()
        if seconds_left() <= 0:
            raise NotBegun

    def send(self, data: Any) -> None:
        if seconds_left() <= 0:
            raise TimeoutError if self._is_unanswered else NotBegun
        self._is_unanswered = True
        super().send(data)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._is_unanswered = False
        return response

    def close(self) -> None:
        if self._is_unanswered and self.sock is not None:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _FORGETFUL)
        super().close()


class _TimedTlsConnection(_TimedConnection, HTTPSConnection):
    """The same, encrypted."""


class IdleConnections:
    """Connections that wait open for their next call, the one that is idle for longest first.

    Of more than `limit` that one is closed. A user of them holds `lock`, so that none is closed
    that was just taken.
    """

    def __init__(self, limit: int) -> None:
        self.lock = threading.Lock()
        self._limit = limit
        self._connections: dict[Any, None] = {}

    def remove(self, connection: Any) -> None:
        """Forget a connection that is used, or gone."""
        self._connections.pop(connection, None)

    def add(self, connection: Any) -> None:
        """Keep a connection that waits."""
        self._connections[connection] = None
        if len(self._connections) > self._limit:
            oldest = next(iter(self._connections))
            self.remove(oldest)
            # Its pool opens it again when it is needed.
            oldest.close()


class Pool(HTTPConnectionPool):
    """The connections to a host, which share the bound of `idle` with those to other hosts.

    Calls are made in `until`.
    """

    ConnectionCls = _TimedConnection

    def __init__(self, *args: Any, idle: IdleConnections, **named: Any) -> None:
        super().__init__(*args, **{"socket_options": _SOCKET_OPTIONS, **named})
        self._idle = idle

    def _get_conn(self, timeout: float | None = None) -> Any:
        with self._idle.lock:
            connection = super()._get_conn(timeout)
            self._idle.remove(connection)
        return connection

    def _put_conn(self, conn: Any) -> None:
        with self._idle.lock:
            super()._put_conn(conn)
            if conn is not None and not conn.is_closed:
                self._idle.add(conn)


class TlsPool(Pool, HTTPSConnectionPool):
    """The same, encrypted."""

    ConnectionCls = _TimedTlsConnection


def open_pool(target: Target, idle: IdleConnections, *, address: str | None = None) -> Pool:
    """Return a way to a host, or to one `address` of it; its certificate must be the host's."""
    options: dict[str, Any] = {"port": target.port, "maxsize": _MOST_IDLE, "idle": idle}
    if not target.is_tls:
        return Pool(address or target.host, **options)
    return TlsPool(
        address or target.host, ssl_context=_trusted(), server_hostname=target.host, **options
    )


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom to trust: the authorities of the web and those of this machine."""
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.load_default_certs()
    return context
