"""The checks of a command that is asked for, before anything is kept. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from orders_sync.commands import NAMED
from orders_sync.commands.body import Body, Problem, problems_of
from orders_sync.domain.commands import Command

#: Half of a character that has two.
_HALF: Final = re.compile("[\ud800-\udfff]")

#: The most characters. PostgreSQL's indices take 2704 bytes, and account and key share one.
LONGEST: Final = {"account": 100, "order_id": 255, "key": 500}


class NotAcceptedError(ValueError):
    """Raised when a command cannot be accepted; `cause` groups, the text tells the caller why.

    `problems` are the fields that are wrong, where it is fields.
    """

    def __init__(self, cause: str, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(cause, message, problems)
        self.cause = cause
        self.message = message
        self.problems = problems

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Acceptable:
    """A command that was checked: its canonical JSON, its key, and what tells it from others."""

    kind: str
    order_id: str
    body: Body
    text: str
    key: str
    fingerprint: str


def read_body(kind: str, body: Any) -> Body:
    """Check a body against its kind.

    Raises:
        NotAcceptedError: the kind is none, or a field of the body is wrong; both are named.
    """
    named = NAMED.get(kind)
    if named is None:
        raise NotAcceptedError(
            "command.invalid",
            f"kind: {kind[:20]!r} is no command; expected one of {', '.join(NAMED)}",
        )
    try:
        return named.body.model_validate(body)
    except ValidationError as error:
        problems = problems_of(error)
        raise NotAcceptedError("command.invalid", "; ".join(map(str, problems)), problems) from None


def check(command: Command, *, max_bytes: int) -> Acceptable:
    """Check a command as it was asked for.

    A command without a key gets one from its content: an invoice from its number, anything else
    from its whole body, so that a repeat is seen as one.

    Raises:
        NotAcceptedError: something is wrong; the message names the field and what was expected.
    """
    if not command.order_id or not command.order_id.strip():
        raise NotAcceptedError("command.invalid", "order_id: is missing")
    require_storable("order_id", command.order_id)
    require_storable("key", command.key or "")
    raw = raw_text(command.body)
    require_storable("body", raw)
    size = len(raw.encode())
    if size > max_bytes:
        raise NotAcceptedError(
            "command.too_large",
            f"body: {size} bytes are more than ORDERS_SYNC_MAX_COMMAND_BYTES={max_bytes}",
        )
    body = read_body(command.kind, command.body)
    text = body.model_dump_json(by_alias=True, exclude_none=True)
    fingerprint = _digest(f"{command.kind}|{command.order_id}|{text}")
    own_key = body.own_key or fingerprint[:32]
    key = command.key or f"{command.kind}/{command.order_id}/{own_key}"
    return Acceptable(command.kind, command.order_id, body, text, key, fingerprint)


def require_storable(name: str, text: str) -> None:
    """Refuse what JSON can say and no database can keep.

    Raises:
        NotAcceptedError: the text holds such a character, or is longer than `LONGEST`.
    """
    if "\x00" in text or "\\u0000" in text:
        raise NotAcceptedError("command.invalid", f"{name}: holds a null character")
    if _HALF.search(text):
        raise NotAcceptedError("command.invalid", f"{name}: holds half a character")
    most = LONGEST.get(name)
    if most is not None and len(text) > most:
        raise NotAcceptedError(
            "command.invalid", f"{name}: has {len(text)} characters, and may have {most}"
        )


def storable(text: str) -> str:
    """Make any text one that a database can keep."""
    return text.encode(errors="replace").decode().replace("\x00", "?")


def raw_text(body: Any) -> str:
    """Write a body as it came, whatever it is."""
    return body if isinstance(body, str) else json.dumps(body, default=str, ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
