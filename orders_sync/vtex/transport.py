"""Carries requests to VTEX with `requests`: bounded in time and size, never twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import requote_uri
from urllib3 import HTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from orders_sync.errors import (
    ConfigurationError,
    OrdersSyncError,
    OutcomeUnknown,
    Unavailable,
    Unreadable,
)
from orders_sync.vtex.exchange import Request, Response, Transport

__all__ = ["Request", "RequestsTransport", "Response", "Transport", "new_session"]

_CHUNK_BYTES: Final = 64 * 1024
_ENCODING: Final = {"Accept-Encoding": "gzip, deflate"}
_PORTS: Final = {"http": 80, "https": 443}


def new_session() -> requests.Session:
    """Make a session that keeps its connection open and never tries a request again."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class RequestsTransport:
    """Carries requests to one host, with one session a thread.

    `read_seconds` bounds the wait for the next bytes, `total_seconds` the time until the whole body
    is there (looked at whenever bytes arrive), `max_body_bytes` the body once it is decompressed.
    Proxies, netrc and cookies are not used. A 308 to the same host is followed once, with the same
    method and body; no other redirect is.
    """

    def __init__(
        self,
        base_url: str,
        *,
        session_factory: Callable[[], requests.Session] = new_session,
        connect_seconds: float = 3.0,
        read_seconds: float = 10.0,
        total_seconds: float = 30.0,
        max_body_bytes: int = 20 * 1024 * 1024,
    ) -> None:
        origin = _origin(base_url)
        if origin is None:
            raise ConfigurationError(
                f"BASE_URL is wrong: {base_url} is no address of a host. "
                "A right value: https://mystore.vtexcommercestable.com.br"
            )
        self._base_url = base_url.rstrip("/")
        self._origin = origin
        self._session_factory = session_factory
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._total_seconds = total_seconds
        self._max_body_bytes = max_body_bytes
        self._local = threading.local()

    def send(self, request: Request) -> Response:
        """Send the request and read the whole response.

        Raises:
            Unavailable: the request did not arrive, or the answer to a read was lost.
            OutcomeUnknown: the answer to a write was lost.
            Unreadable: the answer to a read is larger than `max_body_bytes`.
        """
        deadline = monotonic() + self._total_seconds
        url = self._base_url + request.path
        if request.query:
            url = f"{url}?{urlencode(request.query)}"
        response = self._exchange(request, url, deadline)
        target = self._permanent_target(url, response)
        return response if target is None else self._exchange(request, target, deadline)

    def close(self) -> None:
        """Close this thread's connections; another thread's close when it ends."""
        session = getattr(self._local, "session", None)
        if session is not None:
            session.close()
            del self._local.session

    def _exchange(self, request: Request, url: str, deadline: float) -> Response:
        session = self._session()
        try:
            # Nothing is merged from the session, which has nothing to add, and Session.send would
            # read a redirect's whole body, however large, and keep cookies.
            answer = session.get_adapter(url).send(
                _prepared(request, url),
                stream=True,
                timeout=(self._connect_seconds, self._read_seconds),
                verify=True if session.verify is None else session.verify,
                cert=session.cert,
                proxies=session.proxies,
            )
            with answer:
                body = self._read_body(request, answer, deadline)
                return Response(answer.status_code, answer.headers, body)
        except (requests.RequestException, HTTPError) as error:
            raise _failure(request, error) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._session_factory()
            session.trust_env = False
            self._local.session = session
        return session

    def _read_body(self, request: Request, answer: requests.Response, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in _chunks(answer):
            size += len(chunk)
            if size > self._max_body_bytes:
                raise self._too_large(request)
            if monotonic() > deadline:
                raise _lost(request, f"the answer took longer than {self._total_seconds:g} s")
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self, request: Request) -> OrdersSyncError:
        said = (
            f"the answer is larger than {self._max_body_bytes} bytes; if it is right, raise "
            "ORDERS_SYNC_VTEX__MAX_BODY_BYTES"
        )
        return Unreadable(f"{request}: {said}.") if request.is_safe else _lost(request, said)

    def _permanent_target(self, url: str, response: Response) -> str | None:
        """Find where a 308 leads, if the credentials may be sent there."""
        location = response.header("Location")
        if response.status != 308 or not location:
            return None
        try:
            target = urljoin(url, location)
        except ValueError:
            return None
        return requote_uri(target) if _origin(target) == self._origin else None


def _prepared(request: Request, url: str) -> requests.PreparedRequest:
    """Fill in what goes over the wire; address and body would be examined and quoted once more."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.body = request.method, url, request.body
    prepared.headers = CaseInsensitiveDict({**_ENCODING, **request.headers})
    prepared.prepare_content_length(request.body)
    return prepared


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """Give the body as it arrives, so that a slow one cannot outlast the deadline unnoticed."""
    raw: HTTPResponse = answer.raw
    while chunk := raw.read1(_CHUNK_BYTES, decode_content=True):
        yield chunk


def _origin(url: str) -> tuple[str, str, int] | None:
    """Tell scheme, host and port of an address, or None where it is none of HTTP's."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _failure(request: Request, error: Exception) -> OrdersSyncError:
    if _never_connected(error):
        return Unavailable(f"{request}: no connection to VTEX ({_name(error)}).")
    return _lost(request, f"the answer was lost ({_name(error)})")


def _lost(request: Request, why: str) -> OrdersSyncError:
    if request.is_safe:
        return Unavailable(f"{request}: {why}.")
    return OutcomeUnknown(f"{request}: {why}. Read the order before you repeat it.")


def _never_connected(error: Exception) -> bool:
    """Whether not a byte of the request can have reached VTEX."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    return isinstance(_reason(error), NewConnectionError | ConnectTimeoutError)


def _reason(error: Exception) -> object:
    """Find urllib3's reason inside the error of `requests`."""
    cause = error.args[0] if error.args else None
    return getattr(cause, "reason", None) or cause


def _name(error: Exception) -> str:
    reason = _reason(error)
    return type(reason if isinstance(reason, Exception) else error).__name__
