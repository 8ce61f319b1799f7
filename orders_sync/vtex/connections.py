"""The connections of a process to VTEX: bounded in number over all hosts, and each call in time."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from time import monotonic
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout

#: An account is a host. Their pools cost next to nothing while they hold no connection.
_HOSTS: Final = 10_000

_DEADLINE: ContextVar[float] = ContextVar("deadline")


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Bound the calls made within by a time of `monotonic`, from the first byte to the last."""
    token = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


class VtexAdapter(HTTPAdapter):
    """A transport adapter for all threads and accounts of a process; calls are made in `until`.

    At most `connections` wait open for their next call, over all hosts together; of more than that
    the one that is idle for longest is closed. Nothing is tried again. TLS trusts the certificates
    in `ca_file`, which is read once.
    """

    def __init__(self, connections: int, *, ca_file: str = DEFAULT_CA_BUNDLE_PATH) -> None:
        self._idle = _IdleConnections(connections)
        self._context = ssl.create_default_context(cafile=ca_file)
        self._pools: dict[str, Any] = {}
        super().__init__(pool_connections=_HOSTS, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        """Make the pools ones that share the bound."""
        super().init_poolmanager(*args, ssl_context=self._context, **named)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_Pool, idle=self._idle),
            "https": partial(_TlsPool, idle=self._idle),
        }

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 - requests calls it so.
        timeout: Any = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002 - requests calls it so.
        cert: Any = None,  # noqa: ARG002 - requests calls it so.
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - requests calls it so.
    ) -> requests.Response:
        """Send a request and return its response, of which status and `raw` are filled.

        What the base class does beside that is for a session, and takes as long as the call.

        Raises:
            HTTPError: of urllib3.
        """
        scheme, _, host, *rest = (request.url or "").split("/", 3)
        raw = self._pool(f"{scheme}//{host}").urlopen(
            request.method or "GET",
            f"/{''.join(rest)}",
            request.body,
            request.headers,
            self.max_retries,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(*timeout),
            preload_content=False,
            decode_content=False,
        )
        response = requests.Response()
        response.status_code, response.raw = raw.status, raw
        return response

    def _pool(self, origin: str) -> Any:
        """Return the pool of a host; to find it among urllib3's is dear."""
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = self.poolmanager.connection_from_url(origin)
        return pool

    def close(self) -> None:
        """Close the idle connections."""
        self._pools.clear()
        super().close()


class _IdleConnections:
    """Connections that wait open for their next call, the one that is idle for longest first.

    Whoever uses them holds `lock`, so that none is closed that was just taken.
    """

    def __init__(self, limit: int) -> None:
        self.lock = threading.Lock()
        self._limit = limit
        self._connections: dict[Any, None] = {}

    def remove(self, connection: Any) -> None:
        self._connections.pop(connection, None)

    def add(self, connection: Any) -> None:
        self._connections[connection] = None
        if len(self._connections) > self._limit:
            oldest = next(iter(self._connections))
            self.remove(oldest)
            # Its pool opens it again when it is needed.
            oldest.close()


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
        left = self._deadline - monotonic()
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


class TimedConnection(HTTPConnection):
    """A connection whose answers are bounded by `until`."""

    response_class = _TimedResponse


class TimedTlsConnection(HTTPSConnection):
    """The same, encrypted."""

    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    """The connections to a host, which share their bound with those to all others."""

    ConnectionCls = TimedConnection

    def __init__(self, *args: Any, idle: _IdleConnections, **named: Any) -> None:
        super().__init__(*args, **named)
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


class _TlsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = TimedTlsConnection  # type: ignore[assignment]  # As in urllib3's own class.
