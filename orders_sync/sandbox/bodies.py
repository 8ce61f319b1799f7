"""Reads the members of a request's body, and refuses what they must not be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orders_sync.sandbox.envelopes import oms_error
from orders_sync.sandbox.wire import CallRefused, Request


def bad_body(message: str) -> CallRefused:
    """Refuse a body with 400; VTEX does not publish the codes of such refusals."""
    return CallRefused(oms_error(400, "FMT001", message))


def read_object(request: Request) -> dict[str, Any]:
    """Read a JSON object; an empty body is an empty one."""
    try:
        data = request.json()
    except ValueError:
        raise bad_body("The body is not JSON") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise bad_body("The body must be an object")
    return data


def text(data: dict[str, Any], name: str) -> str:
    """Read a text that must be there."""
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise bad_body(f"The field {name} is required")
    return value


def optional_text(data: dict[str, Any], name: str) -> str | None:
    """Read a text that may be null or missing."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise bad_body(f"The field {name} must be a text")
    return value


def flag(data: dict[str, Any], name: str) -> bool:
    """Read a boolean that must be there."""
    value = data.get(name)
    if not isinstance(value, bool):
        raise bad_body(f"The field {name} must be a boolean")
    return value


def whole(data: dict[str, Any], name: str, *, least: int = 0, default: int | None = None) -> int:
    """Read a whole number; without a `default` it must be there."""
    value = data.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise bad_body(f"The field {name} must be a whole number from {least}")
    return value


def objects(data: dict[str, Any], name: str, *, required: bool = True) -> list[dict[str, Any]]:
    """Read a list of objects."""
    value = data.get(name)
    if value is None and not required:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_body(f"The field {name} must be a list of objects")
    return value


def moment(data: dict[str, Any], name: str) -> str:
    """Read a date or an instant, written in any of the ways of ISO 8601."""
    value = text(data, name)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise bad_body(f"The field {name} is not a date") from None
    return value
