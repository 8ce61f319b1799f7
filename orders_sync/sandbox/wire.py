"""What goes over the wire: a request, and the response or the silence that answers it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `path` is still percent-encoded, and header names are lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def parameters(self) -> dict[str, str]:
        """Read the query; of a parameter given twice the last counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def json(self) -> Any:
        """Read the body as JSON; an empty body is None. Raises ValueError where it is not JSON."""
        return json.loads(self.body) if self.body.strip() else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, sent after `delay_seconds`."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """The connection is cut instead of an answer; the caller cannot see whether it took effect."""

    delay_seconds: float = 0.0


def json_response(status: int, data: Any) -> Response:
    """Answer with a JSON body."""
    return Response(status, to_json(data), {"content-type": JSON})


def to_json(data: Any) -> bytes:
    """Serialise as VTEX does: compact, and letters beyond ASCII as they are.

    Half a surrogate pair has no bytes, so it is written as an escape.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace")
