"""Calls of an ERP over HTTP: its `ERP_OPTIONS`, checked before anything is sent, and each call.

Calls are signed as Standard Webhooks say, bounded in time and size, made once, and never
redirected.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from orders_sync.domain.time import since_boot
from orders_sync.erp.webhook_messages import Verb
from orders_sync.errors import ConfigurationError, ErpUnavailable
from orders_sync.http_client import (
    BadUrl,
    IdleConnections,
    Pool,
    Target,
    asked_seconds,
    open_pool,
    read_target,
    until,
)
from orders_sync.listening import is_listening
from orders_sync.signing import is_secret, sign

_NEEDED: Final = frozenset({Verb.PLACE, Verb.CANCEL})
_MADE_BY: Final = 'make one: echo "whsec_$(openssl rand -base64 32)"'
_OUR_HEADERS: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)

#: A reply is a number or a word; what is longer is a web page.
_MOST_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 16 * 1024
_LONGEST_ASKED_SECONDS: Final = 3600.0

#: How many connections of a process to such ERPs wait open for their next call.
_IDLE: Final = IdleConnections(50)


def _as_url(url: str) -> str:
    try:
        read_target(url)
    except BadUrl as error:
        raise ValueError(f"{error}".removeprefix("it ")) from None
    return url


def _as_secret(secret: SecretStr) -> SecretStr:
    if not is_secret(secret.get_secret_value()):
        raise ValueError(f"must be a secret of Standard Webhooks; {_MADE_BY}")
    return secret


def _as_header_name(name: str) -> str:
    if name.lower() in _OUR_HEADERS:
        raise ValueError("must be another: this one is set by orders_sync")
    return name


def _as_header(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be one line of ASCII")
    return value


_Url = Annotated[str, AfterValidator(_as_url)]
_Secret = Annotated[SecretStr, AfterValidator(_as_secret)]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$"), AfterValidator(_as_header_name)]
_HeaderValue = Annotated[SecretStr, AfterValidator(_as_header)]
_Seconds = Annotated[float, Field(gt=0, le=60)]


class WebhookOptions(BaseModel):
    """What the account's `ERP_OPTIONS` may say.

    Each of the `verbs` is sent to its own of `urls`, or to `url`. Messages are signed with `secret`
    and, while one takes the other's place, with `old_secret` too. `secret_headers` are sent with
    each. The seconds are those of `HttpCalls`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: _Url | None = None
    urls: dict[Verb, _Url] = Field(default_factory=dict)
    verbs: frozenset[Verb] = frozenset(Verb)
    secret: _Secret
    old_secret: _Secret | None = None
    secret_headers: dict[_HeaderName, _HeaderValue] = Field(default_factory=dict)
    connect_seconds: _Seconds = 3.0
    read_seconds: _Seconds = 10.0
    total_seconds: _Seconds = 20.0

    @model_validator(mode="after")
    def _is_whole(self) -> WebhookOptions:
        if missing := sorted(_NEEDED - self.verbs):
            raise ValueError(f"verbs must have {' and '.join(missing)}")
        if self.url is None and not self.verbs - {Verb.CHECK} <= self.urls.keys():
            raise ValueError('url is missing; give {"url": "https://erp.example.com/orders"}')
        return self

    @property
    def keys(self) -> Sequence[str]:
        """The secrets that sign."""
        return [key.get_secret_value() for key in (self.secret, self.old_secret) if key is not None]

    def url_of(self, verb: Verb) -> str:
        """Return where a message goes."""
        return self.urls.get(verb) or self.url or self.urls[Verb.PLACE]


def read_options(options: Mapping[str, Any]) -> WebhookOptions:
    """Read and check the options.

    Raises:
        ConfigurationError: one is missing or wrong; the message names it, and not what it was.
    """
    try:
        return WebhookOptions.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigurationError(_first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    """Name the first option that is wrong, and what it must be; never what it was."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    words = problem["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if problem["type"] == "missing":
        words = f"is missing; {_MADE_BY}" if name == "secret" else "is missing"
    return f"{name} {words}" if name else words


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What was answered; `retry_after` is in seconds, of which an hour counts."""

    status: int
    body: bytes
    retry_after: float | None


class HttpCalls:
    """Posts to the URLs of one ERP, over connections that wait open for the next call.

    Each call has `connect_seconds` to connect and to send, `read_seconds` for each wait for the
    next bytes, and `total_seconds` in all. Errors name a call by its verb: a URL may be secret.
    """

    def __init__(self, options: WebhookOptions) -> None:
        self._options = options
        self._timeout = Timeout(connect=options.connect_seconds, read=options.read_seconds)
        self._pools: dict[tuple[bool, str, int], Pool] = {}

    def post(self, verb: Verb, message_id: str, body: str, *, now: datetime) -> HttpReply:
        """Sign a message and post it; return the whole reply.

        Raises:
            ErpUnavailable: there is none, or it has no end; the call may have had its effect.
        """
        target = read_target(self._options.url_of(verb))
        total_seconds = self._options.total_seconds
        deadline = since_boot() + total_seconds
        try:
            with until(deadline):
                response = self._pool(target).urlopen(
                    "POST",
                    target.path,
                    body=body.encode(),
                    headers=self._headers(message_id, body, now),
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=self._timeout,
                )
                return _read_reply(verb, response, now)
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise ErpUnavailable(
                f"No connection to the ERP for {verb} ({type(error).__name__}). Start it, or "
                "correct the url of the account's ERP_OPTIONS."
            ) from None
        except (HTTPError, ssl.SSLError, OSError, ValueError) as error:
            is_late = since_boot() >= deadline
            why = f"within {total_seconds:g} s" if is_late else f"({_kind(error)})"
            raise ErpUnavailable(
                f"The ERP gave no answer to {verb} {why}. It may have done it, and is asked again."
            ) from None

    def require_listener(self, verb: Verb) -> None:
        """Check that somebody takes connections where a message would go, without a call.

        Raises:
            ErpUnavailable: nobody does.
        """
        target = read_target(self._options.url_of(verb))
        if not is_listening(target.host, target.port):
            raise ErpUnavailable(f"Nobody takes connections at {target.authority}.")

    def close(self) -> None:
        """Close the connections that wait."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, target: Target) -> Pool:
        origin = (target.is_tls, target.host, target.port)
        pool = self._pools.get(origin)
        if pool is None:
            # Where two threads are first at once, the other's pool goes with its call.
            pool = self._pools.setdefault(origin, open_pool(target, _IDLE))
        return pool

    def _headers(self, message_id: str, body: str, now: datetime) -> dict[str, str]:
        own = self._options.secret_headers.items()
        return {
            **{name: value.get_secret_value() for name, value in own},
            **sign(message_id, body, self._options.keys, at=now),
            "Content-Type": "application/json",
        }


def _read_reply(verb: Verb, response: BaseHTTPResponse, now: datetime) -> HttpReply:
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > _MOST_BYTES:
            response.close()
            raise ErpUnavailable(
                f"The ERP answers {response.status} to {verb} with more than {_MOST_BYTES} "
                "bytes, which is no reply of docs/webhook-erp.md."
            )
    response.release_conn()
    asked = asked_seconds(response.headers.get("Retry-After", ""), now)
    wait = None if asked is None else min(asked, _LONGEST_ASKED_SECONDS)
    return HttpReply(response.status, bytes(body), wait)


def _kind(error: Exception) -> str:
    """Return the kind of an error; its text may quote what was sent."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
