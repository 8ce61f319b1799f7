"""Words what is wrong with a setting: its variable, the problem, and a right value."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args, get_origin
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ValidationError

PREFIX = "ORDERS_SYNC_"

#: What `orders-sync watch` tells a command, which may run commands of ours: no settings.
ALERT_PREFIX = f"{PREFIX}ALERT_"

#: A right value for each setting that people most often get wrong.
EXAMPLES: Mapping[str, str] = {
    "APP_KEY": "vtexappkey-mystore-ABCDEF",
    "APP_TOKEN": "the token that VTEX showed once, when the key was made",
    "BASE_URL": "https://mystore.vtexcommercestable.com.br",
    "ERP": "staging",
    "ERP_OPTIONS": '{"url": "postgresql+psycopg://user:password@db/erp"}',
    "ERP_MAPPING": "/etc/orders-sync/mapping.yml",
    "REQUESTS_PER_MINUTE": "5400",
    "ERP_CALLS_AT_ONCE": "8",
    "ERP_CALLS_PER_MINUTE": "600",
    "HOOK_SECRET": "32-random-letters-and-digits-of-openssl-rand",
    "HOOK_OLD_SECRET": "the-secret-that-HOOK_SECRET-was-before",
    "BROKER_URL": "redis://localhost:6379/0",
    "REDIS_URL": "redis://localhost:6379/0",
    "LEDGER_URL": "sqlite:///var/ledger.sqlite3",
    "HOME": "./var",
    "ACKNOWLEDGE": "handled",
    "STATUSES": '["ready-for-handling", "canceled"]',
    "SECRETS_DIR": "/run/secrets",
    "SECRETS_KEY": "a key of `orders-sync accounts new-key`",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "info",
}

#: What the query of a Redis URL may hold, in words that kombu and redis-py both take:
#: https://github.com/celery/kombu/blob/main/kombu/utils/url.py
_TLS_PARAMETERS: Final = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
    "ssl_ciphers",
)
_CERT_REQS: Final = ("required", "optional", "none", "CERT_REQUIRED", "CERT_OPTIONAL", "CERT_NONE")


def describe(error: ValidationError, defaults: BaseModel) -> str:
    """Name the first setting that is wrong, say what is wrong with it, and show a right value."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = [str(part).upper() for part in first["loc"]]
    variable = PREFIX + "__".join(path)
    if first["type"] == "extra_forbidden":
        return f"{variable} is not a setting of orders_sync. {_advice(path, type(defaults))}"
    wrong = "is missing" if first["type"] == "missing" else f"is wrong: {_plain(first['msg'])}"
    return f"{variable} {wrong}.{_right_value(variable, path, defaults)}"


def describe_json(variables: Mapping[str, str | None], model: type[BaseModel]) -> str:
    """Find the setting whose JSON cannot be read; pydantic-settings names only its root."""
    for variable, value in variables.items():
        path = variable.removeprefix(PREFIX).split("__")
        if _takes_json(path, model) and not _is_json(value or ""):
            return f"{variable} is wrong: it is not valid JSON.{_right_value(variable, path)}"
    return f"One of the {PREFIX}* settings takes JSON, and has none. See .env.example."


def describe_name(variable: str, model: type[BaseModel]) -> str | None:
    """Say that a variable is no setting, and which may have been meant; None where it is one."""
    path = variable.removeprefix(PREFIX).split("__")
    if _annotation(path, model) is not None:
        return None
    return f"{variable} is not a setting of orders_sync. {_advice(path, model)}"


def describe_parameters(url: str) -> str | None:
    """Say which parameter of a redis:// or rediss:// URL cannot be used; None where all can.

    No value is repeated, since one may be a password.
    """
    if not url.startswith(("redis://", "rediss://")):
        return None
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name not in _TLS_PARAMETERS:
            close = difflib.get_close_matches(name, _TLS_PARAMETERS, n=1)
            do = f"write {close[0]}" if close else "take it out"
            return f"{name} is no parameter of its URL: {do}"
        if url.startswith("redis://"):
            return f"{name} is for TLS: write rediss:// in place of redis://, or take it out"
        if name == "ssl_cert_reqs" and value not in _CERT_REQS:
            return f"{name} must be {', '.join(_CERT_REQS[:2])} or {_CERT_REQS[2]}"
    return None


def is_setting(variable: str, model: type[BaseModel]) -> bool:
    """Return whether a variable, or what is in its JSON, is a setting."""
    return _annotation(variable.removeprefix(PREFIX).split("__"), model) is not None


def _advice(path: Sequence[str], model: type[BaseModel]) -> str:
    """Suggest the name that is nearest where the path leaves what is known."""
    known = next(n for n in range(len(path)) if _annotation(path[: n + 1], model) is None)
    above, wrong = path[:known], path[known]
    block: Any = _annotation(above, model) if above else model
    names = [name.upper() for name in getattr(block, "model_fields", {})]
    close = difflib.get_close_matches(wrong, names, n=1)
    if close:
        return f"Did you mean {PREFIX}{'__'.join((*above, close[0], *path[known + 1 :]))}?"
    of = PREFIX + "__".join(above)
    return f"Remove it; {of} has: {', '.join(names)}." if above and names else "Remove it."


def _annotation(path: Sequence[str], model: type[BaseModel]) -> Any:
    """Return the type of the setting at a path, in upper case; None where there is none."""
    kind: Any = model
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = {name.upper(): each for name, each in kind.model_fields.items()}.get(part)
            if field is None:
                return None
            kind = field.annotation
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif kind is not Any:
            return None
    return kind


def _takes_json(path: Sequence[str], model: type[BaseModel]) -> bool:
    kind = _annotation(path, model)
    is_block = isinstance(kind, type) and issubclass(kind, BaseModel)
    return is_block or get_origin(kind) in {dict, list, tuple}


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
