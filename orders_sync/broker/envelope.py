"""What a message must be before any of Celery's code sees it.

Celery trusts its senders: a wrong type in a header ends the worker, a wrong body takes a thread for
good, and links, chords and stamps make workers send tasks of the sender's choice. So a message is
checked here, and what goes on to Celery is written again with nothing in it but what we use.
https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from kombu.utils.json import dumps, loads
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as WrongShape

#: A message that was taken so often and never ended is set aside.
MOST_TAKES: Final = 5

#: The reason of such a stray.
NEVER_ENDED: Final = "never-ended"

#: The header that counts how often a message was taken and not ended.
TAKES: Final = "takes"

#: The header in which a task finds when its sender wants it done: ISO 8601, in UTC.
NOT_BEFORE: Final = "not_before"

#: The header by which the trace of a message's sender is known. https://www.w3.org/TR/trace-context/
TRACEPARENT: Final = "traceparent"
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

#: A message is read, and a body unpacked, up to so many bytes.
MOST_BYTES: Final = 64 * 1024 * 1024

_PARTS: Final = ("callbacks", "errbacks", "chain", "chord")
_OPTIONS: Final = ("group", "stamped_headers", "timelimit", "expires")

#: Where a text holds this, kombu may make a type of its own of it.
_OF_KOMBU: Final = re.compile(r"__type__|\\u00[2-7]")


class BadEnvelope(Exception):
    """Raised for a message that is set aside; `reason` is the stray's, the text names a field."""

    def __init__(self, text: str, reason: str = "bad-envelope", name: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        self.name = name


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds what cannot be printed")
    return text


def _time(text: str | None) -> str | None:
    if text is not None:
        parse_time(text)
    return text


def _traceparent(headers: Mapping[str, Any]) -> str | None:
    """Return the header by which a sender's trace is known, if it is one; none is no fault."""
    value = headers.get(TRACEPARENT)
    return value if isinstance(value, str) and _TRACEPARENT.fullmatch(value) else None


Name = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_printable)]
Time = Annotated[str | None, AfterValidator(_time)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Properties(_Model):
    body_encoding: str | None = None


class _Message(_Model):
    """A message as kombu writes it into a list of Redis."""

    body: str
    headers: dict[str, Any] | None = None
    properties: _Properties
    content_type: str = Field(alias="content-type")
    content_encoding: str = Field(alias="content-encoding")


class _Task(_Model):
    """The headers of protocol 2; with protocol 1 they stand in the body."""

    task: Name
    id: Name
    eta: Time = None
    expires: Time = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    takes: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """A task's message that was checked.

    `body` is the JSON of [args, kwargs, embed], with nothing in the last; `eta` and `expires` are
    what the sender set; `links` names what it wanted done afterwards, `options` how it wanted the
    task run. `traceparent` is the header of that name, for traces.
    """

    task: str
    id: str
    takes: int
    body: str
    eta: datetime | None
    expires: datetime | None
    links: Sequence[str]
    options: Sequence[str]
    traceparent: str | None = None


def parse(raw: bytes) -> Any:
    """Return the JSON value of a message as it lies in the broker.

    kombu asks a function of its own about every object in it, for the sake of types that JSON has
    not. Where none is named the plain parser gives the same in half the time.

    Raises:
        BadEnvelope: it is no JSON, or too long.
    """
    if len(raw) > MOST_BYTES:
        raise BadEnvelope(f"It has more than {MOST_BYTES} bytes.")
    try:
        return loads(raw) if b'"__type__"' in raw else json.loads(raw)
    except Exception:  # noqa: BLE001 - whatever a message is made of, it must not end the worker.
        raise BadEnvelope("It is no JSON.", "not-json") from None


def read_envelope(payload: object) -> Envelope:
    """Check a message as it lies in the broker: of protocol 2, 1, or both at once.

    Raises:
        BadEnvelope: it is not a task's message, or was taken too often.
    """
    try:
        message = _Message.model_validate(payload)
        headers = message.headers or {}
        text = _text_of(message, headers)
        body = _body_of(text)
        told, args, kwargs, embed = _split(body)
        headers = {**told, **headers}
        task = _Task.model_validate(headers)
    except WrongShape as error:
        fields = {
            ".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)
        }
        raise BadEnvelope(f"Wrong or missing: {', '.join(sorted(fields))}.") from None
    is_plain = isinstance(body, list) and embed.keys() <= set(_PARTS) and not any(embed.values())
    return Envelope(
        task=task.task,
        id=task.id,
        takes=task.takes,
        body=text if is_plain else dumps([args, kwargs, {}]),
        eta=None if task.eta is None else parse_time(task.eta),
        expires=None if task.expires is None else parse_time(task.expires),
        links=[part for part in _PARTS if embed.get(part)],
        options=[name for name in _OPTIONS if _is_set(headers.get(name))],
        traceparent=_traceparent(headers),
    )


def parse_time(text: str) -> datetime:
    """Return the time of an ISO 8601 text, in UTC, which Celery means where there is no offset.

    Raises:
        ValueError: it is none, or none that exists in UTC.
    """
    time = datetime.fromisoformat(text)
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def message_for_celery(
    envelope: Envelope, *, queue: str, tag: str, is_ours: bool, now: datetime
) -> dict[str, Any]:
    """Return what kombu makes its message of: protocol 2, and nothing that we do not use.

    A task of our own may expire. Where another service wants something later, that is a due time
    for the ledger, in `NOT_BEFORE`: Celery holds nothing.
    """
    expires, not_before = (envelope.expires, None) if is_ours else (None, envelope.eta)
    headers = {
        "lang": "py",
        "task": envelope.task,
        "id": envelope.id,
        "root_id": envelope.id,
        "retries": 0,
        "eta": None,
        "expires": expires and expires.isoformat(),
        "argsrepr": "()",
        "kwargsrepr": "{}",
    }
    if not_before is not None and not_before > now:
        headers[NOT_BEFORE] = not_before.isoformat()
    if envelope.traceparent is not None:
        headers[TRACEPARENT] = envelope.traceparent
    return {
        "body": envelope.body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "delivery_tag": tag,
            "delivery_info": {
                "exchange": "",
                "routing_key": queue,
                "redelivered": envelope.takes > 0,
            },
        },
    }


def count_take(payload: Any, *, counts: bool) -> Any:
    """Return a message for its way back to its queue, which knows that it was taken before."""
    if not isinstance(payload, dict) or not isinstance(payload.get("headers"), dict):
        return payload
    headers = {**payload["headers"], "redelivered": True}
    takes = headers.get(TAKES, 0)
    if counts and type(takes) is int:
        headers[TAKES] = takes + 1
    return {**payload, "headers": headers}


def without_takes(payload: Any) -> Any:
    """Return a message that a person may put back, to be tried afresh."""
    headers = {name: value for name, value in payload["headers"].items() if name != TAKES}
    return {**payload, "headers": headers}


def _text_of(message: _Message, headers: Mapping[str, Any]) -> str:
    encoding, compression = message.properties.body_encoding, headers.get("compression")
    if message.content_type != "application/json":
        raise BadEnvelope("Wrong: content-type.")
    if encoding not in (None, "base64") or compression not in (None, "application/x-gzip"):
        raise BadEnvelope("Wrong: properties.body_encoding or headers.compression.")
    try:
        data = base64.b64decode(message.body) if encoding else message.body.encode()
        return (_unpacked(data) if compression else data).decode()
    except (ValueError, zlib.error):
        raise BadEnvelope("The body is not encoded as its headers say.") from None


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(data, MOST_BYTES)
    if not unpacker.eof:
        raise BadEnvelope("The body is too long, or cut.")
    return unpacked


def _body_of(text: str) -> Any:
    try:
        return loads(text) if _OF_KOMBU.search(text) else json.loads(text)
    except Exception:  # noqa: BLE001 - a type of kombu's raises what it likes.
        raise BadEnvelope("The body is no JSON.") from None


def _split(body: Any) -> tuple[dict[str, Any], list[Any], dict[str, Any], Mapping[str, Any]]:
    """Return what a body says of the task, its arguments, and what shall come of it."""
    match body:
        case [list() as args, dict() as kwargs, dict() | None as embed]:
            return {}, args, kwargs, embed or {}
        case {"task": _}:
            args, kwargs = body.get("args", []), body.get("kwargs", {})
            if isinstance(args, list) and isinstance(kwargs, dict):
                return body, args, kwargs, {part: body.get(part) for part in _PARTS}
    raise BadEnvelope("The body is neither [args, kwargs, embed] nor a task of protocol 1.")


def _is_set(value: object) -> bool:
    return any(value) if isinstance(value, list | tuple) else bool(value)
