"""A request to VTEX under an account's key, its response, and what carries it.

A gate says when a call may be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from orders_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    `path` is already quoted. `operation` names the call in messages, such as `get_order 123-01`.
    Headers and body stay out of the repr: they hold secrets and personal data. A POST that only
    asks something, such as a preview, `changes_nothing`.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    operation: str = ""
    changes_nothing: bool = False

    @property
    def is_safe(self) -> bool:
        """Whether the request changes nothing, so that a lost answer costs nothing."""
        return self.changes_nothing or self.method in {"GET", "HEAD"}

    def __str__(self) -> str:
        return self.operation or f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, its body complete and decompressed; names of headers are lowered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Lower the names of the headers."""
        lowered = {name.lower(): value for name, value in self.headers.items()}
        object.__setattr__(self, "headers", lowered)

    def header(self, name: str) -> str | None:
        """Return a header, whatever its case."""
        return self.headers.get(name.lower())


class Transport(Protocol):
    """Carries one request and brings its response back; it never retries and never sleeps."""

    def send(self, request: Request) -> Response:
        """Send the request and read the whole response.

        Raises:
            Unavailable: the request did not arrive, or the answer to a read was lost.
            OutcomeUnknown: the answer to a write was lost.
            Unreadable: the answer is larger than is allowed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """An application key and its token; neither shows in a repr.

    VTEX renews a token in two steps and takes both tokens in between, so a client may be given a
    callable that returns whichever is current.
    https://developers.vtex.com/docs/guides/api-authentication-using-api-keys
    """

    app_key: SecretStr
    app_token: SecretStr

    def __post_init__(self) -> None:
        for name, secret in (("APP_KEY", self.app_key), ("APP_TOKEN", self.app_token)):
            # A wrong header is shown in full by the HTTP library's error, so it never gets there.
            text = secret.get_secret_value()
            if not text or not text.isascii() or not text.isprintable() or " " in text:
                raise ConfigurationError(
                    f"{name} is empty or holds a space, a line break or a letter that no header "
                    "takes. Copy it again from VTEX, without quotes and line breaks."
                )

    def headers(self) -> Mapping[str, str]:
        """Return the credentials as VTEX's two headers."""
        return {
            "X-VTEX-API-AppKey": self.app_key.get_secret_value(),
            "X-VTEX-API-AppToken": self.app_token.get_secret_value(),
        }


#: Returns a header of a response, whatever its case.
Header = Callable[[str], str | None]

#: Takes a response's status and headers, for what watches over the calls.
Heard = Callable[[int, Header], None]


class Gate(Protocol):
    """Lets calls pass, and learns from how they end."""

    def __call__(self, group: str, /) -> AbstractContextManager[Heard]:
        """Permit one call inside; what is yielded takes its response's status and headers.

        `group` names the endpoints that fail together.

        Raises:
            WaitError: the call must not be made now; it says for how long.
        """
        ...


def open_gate(_: str, /) -> AbstractContextManager[Heard]:
    """Permit every call."""
    return nullcontext(_learn_nothing)


def _learn_nothing(_: int, __: Header) -> None:
    pass
