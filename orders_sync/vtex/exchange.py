"""What is exchanged with VTEX: a request, its response, and who carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


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
        """Find a header, whatever its case."""
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
