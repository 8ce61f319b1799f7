"""The variables that settings are read from: where each is found, and what is wrong with one.

A message names the variable, the problem, and a right value.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

from dotenv import dotenv_values
from dotenv.parser import Original, parse_stream
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from orders_sync.errors import ConfigurationError

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

_FILE = "_FILE"
_SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
_LONGEST_VALUE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that is set for us: in the environment, a file of its own, or a line of `.env`."""

    name: str
    value: str | None = field(repr=False)
    line: int | None = None
    file: Path | None = None


def find_variables(
    model: type[BaseModel],
) -> tuple[list[Variable], list[Variable], list[Variable]]:
    """Return what is set for the settings of a model: in the environment, in files, in `.env`.

    Raises:
        ConfigurationError: a file, or the folder of files, cannot be read.
    """
    lines = _lines_of_env_file()
    environment = [Variable(name, value) for name, value in os.environ.items()]
    env_file = [Variable(n, value, lines.get(n, 0)) for n, value in dotenv_values(".env").items()]
    environment, env_file = _ours(environment), _ours(env_file)
    given = {variable.name.upper(): variable for variable in reversed([*environment, *env_file])}
    pointers = {name: variable for name, variable in given.items() if _is_pointer(name, model)}
    files = [
        Variable(name.removesuffix(_FILE), _content(variable.name, path), file=path)
        for name, variable in pointers.items()
        for path in [Path(variable.value or "")]
    ]
    folder = given.get(_SECRETS_DIR)
    if folder is not None and folder.value:
        files += _files_of(folder.name, Path(folder.value))
    return (
        [variable for variable in environment if not _is_pointer(variable.name.upper(), model)],
        files,
        [variable for variable in env_file if not _is_pointer(variable.name.upper(), model)],
    )


class GivenVariables(EnvSettingsSource):
    """Settings from variables, of whatever origin."""

    def __init__(self, settings_cls: type[BaseSettings], given: Sequence[Variable]) -> None:
        self._given = given
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {variable.name.lower(): variable.value for variable in self._given}


def describe(error: ValidationError, defaults: BaseModel) -> str:
    """Return the first setting that is wrong, what is wrong with it, and a right value."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = [str(part).upper() for part in first["loc"]]
    variable = PREFIX + "__".join(path)
    if first["type"] == "extra_forbidden":
        return f"{variable} is not a setting of orders_sync. {_advice(path, type(defaults))}"
    wrong = "is missing" if first["type"] == "missing" else f"is wrong: {_plain(first['msg'])}"
    return f"{variable} {wrong}.{_right_value(variable, path, defaults)}"


def describe_json(variables: Mapping[str, str | None], model: type[BaseModel]) -> str:
    """Return the setting whose JSON cannot be read; pydantic-settings names only its root."""
    for variable, value in variables.items():
        path = variable.removeprefix(PREFIX).split("__")
        if _takes_json(path, model) and not _is_json(value or ""):
            return f"{variable} is wrong: it is not valid JSON.{_right_value(variable, path)}"
    return f"One of the {PREFIX}* settings takes JSON, and has none. See .env.example."


def describe_name(variable: str, model: type[BaseModel]) -> str | None:
    """Return that a variable is no setting, and which may be meant; None where it is one."""
    path = variable.removeprefix(PREFIX).split("__")
    if _annotation(path, model) is not None:
        return None
    return f"{variable} is not a setting of orders_sync. {_advice(path, model)}"


def is_setting(variable: str, model: type[BaseModel]) -> bool:
    """Check whether a variable, or what is in its JSON, is a setting."""
    return _annotation(variable.removeprefix(PREFIX).split("__"), model) is not None


def _ours(some: list[Variable]) -> list[Variable]:
    names = [(variable, variable.name.upper()) for variable in some]
    return [v for v, name in names if name.startswith(PREFIX) and not name.startswith(ALERT_PREFIX)]


def _is_pointer(name: str, model: type[BaseModel]) -> bool:
    """Check whether a variable names the file that holds the value of a setting."""
    is_one = name.endswith(_FILE) and not is_setting(name, model)
    return is_one and is_setting(name.removesuffix(_FILE), model)


def _files_of(variable: str, folder: Path) -> list[Variable]:
    """Read a folder as pydantic-settings does, but raise what is wrong.

    A file that a link leads to must lie in the folder too.
    https://docs.pydantic.dev/latest/concepts/pydantic_settings/#nested-secrets
    """
    folder = folder.expanduser()
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
        inside = folder.resolve()
    except OSError as error:
        raise _unreadable(variable, folder, error) from None
    named = [path for path in paths if path.name.upper().startswith(PREFIX)]
    ours = [path for path in named if inside in path.resolve().parents]
    return [Variable(path.name.upper(), _content(variable, path), file=path) for path in ours]


def _content(variable: str, path: Path) -> str:
    """Read a value from a file, without the line's end that an editor puts behind it."""
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(_LONGEST_VALUE + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(variable, path, error) from None
    if len(text) > _LONGEST_VALUE:
        raise ConfigurationError(f"{variable} is wrong: {path} is longer than a setting can be.")
    return text.strip()


def _unreadable(variable: str, path: Path, error: OSError | ValueError) -> ConfigurationError:
    why = getattr(error, "strerror", None) or "it is not text in UTF-8"
    return ConfigurationError(f"{variable} is wrong: {path} cannot be read: {why}.")


def _lines_of_env_file() -> dict[str, int]:
    path = Path(".env")
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as stream:
        return {
            binding.key: _first_line(binding.original)
            for binding in parse_stream(stream)
            if binding.key
        }


def _first_line(original: Original) -> int:
    """Return the line that a binding begins on; the parser counts blank lines before it in."""
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _advice(path: Sequence[str], model: type[BaseModel]) -> str:
    """Return the nearest known name where the path leaves what is known."""
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
            field = {name.upper(): info for name, info in kind.model_fields.items()}.get(part)
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
