"""Tryton's JSON-RPC: one session for all threads, calls that are bounded and never repeated.

https://docs.tryton.org/latest/server/topics/call.html
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from orders_sync.errors import ConfigurationError, ErpUnavailable

_CONNECT_SECONDS: Final = 3.0
#: Longer than Tryton itself works on a call (60 s), and well within an order's lease.
_READ_SECONDS: Final = 65.0
_TOTAL_SECONDS: Final = 75.0
_MAX_BODY_BYTES: Final = 8 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_CONNECTIONS: Final = 20
_PLAIN: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class TrytonDefect(RuntimeError):
    """Raised where Tryton failed by a defect, of its own or of one of its modules."""


class NoAccess(Exception):
    """Raised where Tryton does not know the user, the method, or the user's right to it."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who orders_sync is in Tryton; the password is a secret."""

    user: str
    password: str


class TrytonServer:
    """Calls methods of one database's models, for all threads of a process.

    Tryton hashes the password slowly on purpose, so the session is kept, and another one begins
    where Tryton forgot it. What a call raises names the method, never its arguments or Tryton's
    words, which may quote them.
    """

    def __init__(self, url: str, database: str, login: Login) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("url must be an address such as https://tryton.example")
        self._url = f"{url.rstrip('/')}/{quote(database, safe='')}/rpc/"
        self._login = login
        self._lock = Lock()
        self._session: str | None = None
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, retries=False)

    def call(self, method: str, *arguments: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call a method in a context of Tryton's, and return its result.

        Raises:
            ErpUnavailable: Tryton does not answer, or not in time, or asks for patience.
            NoAccess: the user or the method is unknown there, or the one may not call the other.
            TrytonDefect: Tryton failed.
        """
        session = self._session or self._new_session(None)
        parameters = [*arguments, context or {}]
        status, body = self._post(method, parameters, session)
        if status == 401:  # The session ended; nothing was done.
            status, body = self._post(method, parameters, self._new_session(session))
        return _result(method, status, body)

    def close(self) -> None:
        """Close the idle connections; a session ends by itself."""
        self._pool.clear()

    def _new_session(self, ended: str | None) -> str:
        """Log in, unless another thread did since a session ended."""
        with self._lock:
            if self._session is None or self._session == ended:
                login = self._login
                arguments = [login.user, {"password": login.password}]
                status, body = self._post("common.db.login", arguments, None)
                if status == 401:
                    raise NoAccess("Tryton does not take the user's password")
                user_id, token, *_ = _result("common.db.login", status, body)
                credentials = f"{login.user}:{user_id}:{token}".encode()
                self._session = b64encode(credentials).decode("ascii")
            return self._session

    def _post(self, method: str, arguments: list[Any], session: str | None) -> tuple[int, bytes]:
        """Send a call once; return the status and the body of the answer."""
        headers = {**_PLAIN, "Authorization": f"Session {session}"} if session else _PLAIN
        payload = {"id": 1, "method": method, "params": arguments}
        deadline = monotonic() + _TOTAL_SECONDS
        try:
            answer = self._pool.request(
                "POST",
                self._url,
                body=json.dumps(payload).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
                preload_content=False,
                redirect=False,
            )
            try:
                return answer.status, _read(answer, deadline)
            finally:
                answer.release_conn()
        except HTTPError as error:
            raise ErpUnavailable(
                f"Tryton does not answer {method} ({type(error).__name__})."
            ) from None


def _read(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    for chunk in answer.stream(_CHUNK_BYTES):
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            answer.close()
            raise ErpUnavailable(f"Tryton's answer is larger than {_MAX_BODY_BYTES} bytes.")
        if monotonic() > deadline:
            answer.close()
            raise ErpUnavailable(f"Tryton's answer takes longer than {_TOTAL_SECONDS:g} s.")
    return bytes(body)


def _result(method: str, status: int, body: bytes) -> Any:
    if status in {401, 403}:
        raise NoAccess(f"Tryton lets the user not call {method}")
    if status != 200:
        raise ErpUnavailable(f"Tryton answers {method} with {status}.")
    try:
        answer = json.loads(body)
        error = answer.get("error")
        if error is None:
            return answer["result"]
        kind = str(error[0])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ErpUnavailable(f"Tryton's answer to {method} cannot be read.") from None
    if kind in {"UserError", "UserWarning"}:
        # The methods that are called here answer for themselves; only a right can be missing.
        raise NoAccess(f"Tryton refuses {method}")
    if kind == "ConcurrencyException":
        raise ErpUnavailable(f"Tryton has {method} tried again.")
    raise TrytonDefect(f"Tryton failed at {method}; its log says why")
