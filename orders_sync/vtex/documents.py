"""VTEX's documents, parsed and held against our schemas; errors name places, never content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from orders_sync.errors import Unreadable
from orders_sync.vtex.parsing import parse_json

M = TypeVar("M", bound=BaseModel)

_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """Where an order stands, and by what other names people know it.

    `status` may be None, and may be a word that VTEX adds tomorrow.
    """

    status: str | None
    is_completed: bool
    sequence: str | None = None
    marketplace_order_id: str | None = None


class ParsedDocument(bytes):
    """A document byte for byte, with the JSON object that was read from it: that takes long."""

    data: dict[str, Any]

    @classmethod
    def of(cls, document: bytes, data: dict[str, Any]) -> ParsedDocument:
        """Join a document with what was read from it, which nobody changes."""
        parsed = cls(document)
        parsed.data = data
        return parsed


def parse_document(document: bytes) -> dict[str, Any]:
    """Parse an order's document.

    Raises:
        Unreadable: it is not a JSON object.
    """
    if isinstance(document, ParsedDocument):
        return document.data
    try:
        data = parse_json(document)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Unreadable("The order's document must be a JSON object and is none.")
    return data


def summary(document: bytes) -> OrderSummary:
    """Read where an order stands, however malformed the rest of its document is.

    Raises:
        Unreadable: the document is not a JSON object.
    """
    return summarise(parse_document(document))


def summarise(data: Mapping[str, Any]) -> OrderSummary:
    """Read status and completeness; where `isCompleted` stands, only true is complete."""
    status = data.get("status")
    return OrderSummary(
        status=status if isinstance(status, str) and status else None,
        is_completed=data.get("isCompleted", True) in (True, "true", "True"),
        sequence=_name(data.get("sequence")),
        marketplace_order_id=_name(data.get("marketplaceOrderId")),
    )


def _name(value: Any) -> str | None:
    """Return an id as text, None where it is none that anybody types."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return text if 0 < len(text) <= _LONGEST_NAME else None


def require(model: type[M], data: Any, what: str) -> M:
    """Hold data against a schema.

    Raises:
        Unreadable: it does not fit; the message names `what` and the place in it.
    """
    found, problem = validate(model, data)
    if found is None:
        raise Unreadable(f"{what} cannot be read: {problem}.")
    return found


def validate(model: type[M], data: Any) -> tuple[M | None, str]:
    """Hold data against a schema, and say what is wrong where it does not fit."""
    try:
        return model.model_validate(data), ""
    except ValidationError as error:
        return None, _problem(error)


def _problem(error: ValidationError) -> str:
    """Word the first thing that is wrong; the names come from our schemas, never from the data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "$" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
    expected = "is missing" if first["type"] == "missing" else first["msg"]
    expected = expected.removeprefix("Value error, ").replace("Input should", "should")
    return f"{path} {expected[0].lower()}{expected[1:]}"
