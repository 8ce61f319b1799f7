"""Post events to an endpoint: to a checked address, bounded in time, never redirected.

Who names an endpoint must not reach what only this process can. Of an answer only the status and
`Retry-After` are read.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from orders_sync.domain.time import since_boot
from orders_sync.http_client import (
    BadUrl,
    IdleConnections,
    Target,
    asked_seconds,
    open_pool,
    read_target,
    until,
)

_CONNECT_SECONDS: Final = 5.0
#: Of a name's addresses that are out of reach, no more are tried.
_ADDRESSES: Final = 3
#: IPv6 addresses that stand for an IPv4 address in their last 32 bits.
#: https://www.rfc-editor.org/rfc/rfc6052
_TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], Sequence[str]]


def read_url(url: str, *, private_allowed: bool) -> Target:
    """Return where a URL leads.

    Raises:
        BadUrl: it is none of HTTP's, has a user or a fragment, or is not encrypted.
    """
    target = read_target(url)
    if not target.is_tls and not private_allowed:
        raise BadUrl(
            "it must begin with https://; http:// is for addresses of your own network, which "
            "ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES=true allows"
        )
    return target


def is_public(address: str) -> bool:
    """Check whether an address is one of the public internet."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        within = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if within is None and ip in _TRANSLATED:
            within = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if within is not None:
            return is_public(str(within))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, the best first.

    Raises:
        OSError: the name is not known.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """The status of an answer, and the seconds that it asks to be left alone for."""

    status: int
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.status}"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why an endpoint did not answer, in words of ours."""

    why: str

    def __str__(self) -> str:
        return self.why


class EndpointClient:
    """Posts to one endpoint; its name is looked up once, at the first call.

    `seconds` bound each call from its beginning to the head of its answer.
    """

    def __init__(
        self, url: str, *, seconds: float, private_allowed: bool, resolve: Resolve = resolve
    ) -> None:
        self._url = url
        self._seconds = seconds
        self._private_allowed = private_allowed
        self._resolve = resolve
        self._pool: HTTPConnectionPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def send(
        self, body: str, headers: Mapping[str, str], *, now: datetime
    ) -> EndpointAnswer | NoAnswer:
        """Send a body; return what was answered, or why nothing was."""
        deadline = since_boot() + self._seconds
        try:
            target = read_url(self._url, private_allowed=self._private_allowed)
            pools = [self._pool] if self._pool else self._pools(target)
            named = {**headers, "Host": target.authority, "Content-Type": "application/json"}
            return self._first_answer(pools, target.path, body.encode(), named, deadline, now)
        except BadUrl as error:
            return NoAnswer(f"not sent: {error}")
        except UnicodeError:
            return NoAnswer("its name cannot be looked up")
        except OSError as error:
            return NoAnswer(f"its name is not known ({type(error).__name__})")

    def _pools(self, target: Target) -> Sequence[HTTPConnectionPool]:
        """Return a connection pool for each allowed address of a host; each look-up may differ."""
        addresses = [
            address
            for address in self._resolve(target.host, target.port)
            if self._private_allowed or is_public(address)
        ]
        if not addresses:
            raise BadUrl(
                "its address is private; ORDERS_SYNC_ENDPOINTS__PRIVATE_ADDRESSES=true allows that"
            )
        idle = IdleConnections(1)
        return [open_pool(target, idle, address=address) for address in addresses[:_ADDRESSES]]

    def _first_answer(
        self,
        pools: Sequence[HTTPConnectionPool],
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        deadline: float,
        now: datetime,
    ) -> EndpointAnswer | NoAnswer:
        answer: EndpointAnswer | NoAnswer = NoAnswer("no connection")
        for pool in pools:
            self._pool = pool
            try:
                with until(deadline):
                    return self._answer(pool, path, body, headers, now)
            except (NewConnectionError, ConnectTimeoutError) as error:
                answer = NoAnswer(f"no connection ({type(error).__name__})")
            except (HTTPError, ssl.SSLError, OSError, ValueError) as error:
                late = f"no answer within {self._seconds:g} s"
                answer = NoAnswer(late if since_boot() >= deadline else _error_name(error))
            self._close()
            if not answer.why.startswith("no connection"):
                break
        return answer

    def _answer(
        self,
        pool: HTTPConnectionPool,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        now: datetime,
    ) -> EndpointAnswer:
        response = pool.urlopen(
            "POST",
            path,
            body=body,
            headers=dict(headers),
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=Timeout(connect=min(_CONNECT_SECONDS, self._seconds), read=self._seconds),
        )
        asked = asked_seconds(response.headers.get("Retry-After", ""), now)
        answer = EndpointAnswer(response.status, asked)
        if _is_empty(response):
            response.read()
            response.release_conn()
        else:
            # Whatever there is to read may be huge, or never come.
            response.close()
        return answer

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _is_empty(response: BaseHTTPResponse) -> bool:
    return response.status == 204 or response.headers.get("Content-Length") == "0"


def _error_name(error: Exception) -> str:
    """Return the class of an error; its text may quote what the endpoint sent."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
