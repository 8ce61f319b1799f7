"""What goes over the wire: a request, what its operation gives back, and the response to it.

Instants and receipts are written as VTEX writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
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


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as its operation sees it; `names` is what its path holds."""

    request: Request
    now: float
    app_key: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: whether anything changed, whose events the call concerned, and what of it.

    `about` is the same as in `Call`.
    """

    response: Response
    effect: bool = False
    concerning: tuple[str, ...] = field(default=())
    about: str | None = None


class CallRefused(Exception):
    """An operation is refused with a response, and nothing changed."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with {response.status}")
        self.response = response


Operation = Callable[[Asked], Done]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_PER_SECOND = 10_000_000


def to_ticks(at: float) -> int:
    """Count the units of 100 nanoseconds since the epoch: .NET's resolution, and so VTEX's."""
    return int(at * _TICKS_PER_SECOND)


def utc_text(ticks: int) -> str:
    """Write an instant as the feed does: `2019-08-12T20:54:23.7153839Z`."""
    return _text(ticks) + "Z"


def offset_text(ticks: int) -> str:
    """Write an instant as an order's document does: `2024-02-06T20:46:11.7010747+00:00`."""
    return _text(ticks) + "+00:00"


def _text(ticks: int) -> str:
    seconds, fraction = divmod(ticks, _TICKS_PER_SECOND)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:07}"


_LACKING = 0.1


def receipt(random: Random, order_id: str, now: float) -> dict[str, Any]:
    """Draw a receipt."""
    return {
        "date": offset_text(to_ticks(now)),
        "orderId": order_id,
        "receipt": f"{random.getrandbits(128):032x}",
    }


def accepted(random: Random, order_id: str, now: float, *, may_lack: bool = False) -> Response:
    """Answer 200 with a receipt; where it `may_lack`, it is null at times."""
    answer = receipt(random, order_id, now)
    if may_lack and random.random() < _LACKING:
        answer["receipt"] = None
    return json_response(200, answer)
