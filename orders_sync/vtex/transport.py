"""Carries requests to VTEX with `requests`: bounded in time and size, never twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.utils import requote_uri
from urllib3 import HTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from orders_sync.domain.time import since_boot
from orders_sync.errors import (
    ConfigurationError,
    OrdersSyncError,
    OutcomeUnknown,
    Unavailable,
    Unreadable,
)
from orders_sync.http_client import NotBegun, seconds_left, until
from orders_sync.vtex.connections import VtexAdapter
from orders_sync.vtex.exchange import Request, Response, Transport

__all__ = ["Request", "RequestsTransport", "Response", "Transport"]

_CHUNK_BYTES: Final = 64 * 1024
_ENCODING: Final = {"Accept-Encoding": "gzip, deflate"}
_PORTS: Final = {"http": 80, "https": 443}

#: How many connections of a transport with an adapter of its own wait open.
_CONNECTIONS: Final = 10


class RequestsTransport:
    """Carries requests to one host, over the connections of an adapter that transports may share.

    `read_seconds` bounds the wait for the next bytes, `total_seconds` the time until the whole body
    is there, `max_body_bytes` the body once it is decompressed. There is no session: cookies,
    redirects, proxies and netrc, which are all that it adds, are not wanted. A 308 to the same host
    is followed once, with the same method and body.
    """

    def __init__(
        self,
        base_url: str,
        *,
        adapter: BaseAdapter | None = None,
        connect_seconds: float = 3.0,
        read_seconds: float = 10.0,
        total_seconds: float = 30.0,
        max_body_bytes: int = 20 * 1024 * 1024,
    ) -> None:
        origin, address = _origin(base_url), _address(base_url)
        if origin is None or address is None:
            raise ConfigurationError(
                f"BASE_URL is wrong: {base_url} is no address of a host. "
                "A right value: https://mystore.vtexcommercestable.com.br"
            )
        self._base_url = address.rstrip("/")
        self._origin = origin
        self._adapter = adapter or VtexAdapter(_CONNECTIONS)
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._total_seconds = total_seconds
        self._max_body_bytes = max_body_bytes

    def send(self, request: Request) -> Response:
        """Send the request and read the whole response.

        Raises:
            Unavailable: the request did not arrive, or the answer to a read was lost.
            OutcomeUnknown: the answer to a write was lost.
            Unreadable: the answer to a read is larger than `max_body_bytes`.
        """
        deadline = since_boot() + self._total_seconds
        url = self._base_url + request.path
        if request.query:
            url = f"{url}?{urlencode(request.query)}"
        response = self._exchange(request, url, deadline)
        target = self._permanent_target(url, response)
        return response if target is None else self._exchange(request, target, deadline)

    def close(self) -> None:
        """Close the adapter's idle connections; one that goes on being used opens new ones."""
        self._adapter.close()

    def _exchange(self, request: Request, url: str, deadline: float) -> Response:
        prepared = _prepared(request, url)
        with until(deadline):
            try:
                return self._ask(request, prepared)
            except NotBegun:
                raise Unavailable(
                    f"{request}: its time was over before it began; nothing was sent."
                ) from None
            except (requests.RequestException, HTTPError) as error:
                if _never_connected(error):
                    raise Unavailable(
                        f"{request}: no connection to VTEX ({_name(error)})."
                    ) from error
                if seconds_left() <= 0:
                    why = f"the answer took longer than {self._total_seconds:g} s"
                    raise _lost(request, why) from error
                raise _lost(request, f"the answer was lost ({_name(error)})") from error

    def _ask(self, request: Request, prepared: requests.PreparedRequest) -> Response:
        left = seconds_left()
        if left <= 0:
            raise NotBegun
        timeout = (min(self._connect_seconds, left), self._read_seconds)
        with self._adapter.send(prepared, stream=True, timeout=timeout) as answer:
            body = self._read_body(request, answer)
            return Response(answer.status_code, answer.raw.headers, body)

    def _read_body(self, request: Request, answer: requests.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in _chunks(answer):
            size += len(chunk)
            if size > self._max_body_bytes:
                raise self._too_large(request)
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self, request: Request) -> OrdersSyncError:
        said = (
            f"the answer is larger than {self._max_body_bytes} bytes; if it is right, raise "
            "ORDERS_SYNC_VTEX__MAX_BODY_BYTES"
        )
        return Unreadable(f"{request}: {said}.") if request.is_safe else _lost(request, said)

    def _permanent_target(self, url: str, response: Response) -> str | None:
        """Return where a 308 leads, if the credentials may be sent there."""
        location = response.header("Location")
        if response.status != 308 or not location:
            return None
        try:
            target = urljoin(url, location)
        except ValueError:
            return None
        return requote_uri(target) if _origin(target) == self._origin else None


def _prepared(request: Request, url: str) -> requests.PreparedRequest:
    # Its address was checked when the transport was made; to check it for each call is slow.
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url = request.method, url
    try:
        prepared.prepare_headers({**_ENCODING, **request.headers})
        prepared.prepare_body(request.body, None)
    except ValueError as error:
        # The error's own text may repeat a key.
        raise ConfigurationError(
            f"{request} cannot be written as HTTP ({type(error).__name__}). "
            "Look for spaces and line breaks in the account's APP_KEY and APP_TOKEN."
        ) from None
    return prepared


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """Yield the body decompressed, as it arrives."""
    raw: HTTPResponse = answer.raw
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
        yield chunk


def _address(url: str) -> str | None:
    """Return an address as HTTP takes it, or None where it is none."""
    try:
        return requests.Request("GET", url).prepare().url
    except ValueError:
        return None


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address, or None where it is none of HTTP's."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _lost(request: Request, why: str) -> OrdersSyncError:
    if request.is_safe:
        return Unavailable(f"{request}: {why}.")
    return OutcomeUnknown(f"{request}: {why}. Read the order before you repeat it.")


def _never_connected(error: Exception) -> bool:
    """Check whether not a byte of the request can have reached VTEX."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    return isinstance(_reason(error), NewConnectionError | ConnectTimeoutError)


def _reason(error: Exception) -> object:
    """Return urllib3's reason inside its own error, or inside that of `requests`."""
    cause = error if isinstance(error, HTTPError) else next(iter(error.args), None)
    return getattr(cause, "reason", None) or cause


def _name(error: Exception) -> str:
    reason = _reason(error)
    return type(reason if isinstance(reason, Exception) else error).__name__
