"""Words what is wrong with a setting: its variable, the problem, and a right value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

PREFIX = "ORDERS_SYNC_"

#: A right value for each setting that people most often get wrong.
EXAMPLES: Mapping[str, str] = {
    "APP_KEY": "vtexappkey-mystore-ABCDEF",
    "APP_TOKEN": "the token that VTEX showed once, when the key was made",
    "BASE_URL": "https://mystore.vtexcommercestable.com.br",
    "ERP": "staging",
    "ERP_OPTIONS": '{"url": "postgresql+psycopg://user:password@db/erp"}',
    "REQUESTS_PER_MINUTE": "5400",
    "ERP_CALLS_AT_ONCE": "8",
    "BROKER_URL": "redis://localhost:6379/0",
    "REDIS_URL": "redis://localhost:6379/0",
    "LEDGER_URL": "sqlite:///var/ledger.sqlite3",
    "HOME": "./var",
    "ACKNOWLEDGE": "handled",
    "STATUSES": '["ready-for-handling", "canceled"]',
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "info",
}


def describe(error: ValidationError, defaults: BaseModel) -> str:
    """Name the first setting that is wrong, say what is wrong with it, and show a right value."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = [str(part).upper() for part in first["loc"]]
    variable = PREFIX + "__".join(path)
    wrong = {
        "missing": "is missing",
        "extra_forbidden": "is not a setting of orders_sync; remove it or mend its name",
    }.get(first["type"], f"is wrong: {_plain(first['msg'])}")
    return f"{variable} {wrong}.{_right_value(variable, path, defaults)}"


def describe_json(variables: Mapping[str, str | None]) -> str:
    """Find the setting whose JSON cannot be read; pydantic-settings names only its root."""
    for variable, value in variables.items():
        if value and value.lstrip()[0] in "[{" and not _is_json(value):
            path = variable.removeprefix(PREFIX).split("__")
            return f"{variable} is wrong: it is not valid JSON.{_right_value(variable, path)}"
    return f"A {PREFIX}* setting that takes JSON is not valid JSON. Check them in .env.example."


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _right_value(variable: str, path: Sequence[str], defaults: BaseModel | None = None) -> str:
    example = EXAMPLES.get(path[-1]) or _default(path, defaults)
    return f" A right value: {variable}={example}" if example else ""


def _default(path: Sequence[str], defaults: BaseModel | None) -> str | None:
    value: Any = defaults
    for part in path:
        value = getattr(value, part.lower(), None)
    return None if value is None or isinstance(value, BaseModel) else f"{value}"


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ").rstrip(".")
    return text[0].lower() + text[1:]
