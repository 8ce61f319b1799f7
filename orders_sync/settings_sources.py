"""Where settings are set: the environment, files of their own, and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Original, parse_stream
from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource

from orders_sync.errors import ConfigurationError
from orders_sync.settings_problems import ALERT_PREFIX, PREFIX, is_setting

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
    """Find what is set for the settings of a model: in the environment, in files, in `.env`.

    Raises:
        ConfigurationError: a file, or the folder of files, cannot be read.
    """
    lines = _lines_of_env_file()
    environment = [Variable(name, value) for name, value in os.environ.items()]
    env_file = [Variable(n, value, lines.get(n, 0)) for n, value in dotenv_values(".env").items()]
    environment, env_file = _ours(environment), _ours(env_file)
    given = {each.name.upper(): each for each in reversed([*environment, *env_file])}
    pointers = {name: each for name, each in given.items() if _is_pointer(name, model)}
    files = [
        Variable(name.removesuffix(_FILE), _content(each.name, path), file=path)
        for name, each in pointers.items()
        for path in [Path(each.value or "")]
    ]
    folder = given.get(_SECRETS_DIR)
    if folder is not None and folder.value:
        files += _files_of(folder.name, Path(folder.value))
    return (
        [each for each in environment if not _is_pointer(each.name.upper(), model)],
        files,
        [each for each in env_file if not _is_pointer(each.name.upper(), model)],
    )


def _ours(some: list[Variable]) -> list[Variable]:
    names = [(each, each.name.upper()) for each in some]
    return [v for v, name in names if name.startswith(PREFIX) and not name.startswith(ALERT_PREFIX)]


def _is_pointer(name: str, model: type[BaseModel]) -> bool:
    """Return whether a variable names the file that holds the value of a setting."""
    is_one = name.endswith(_FILE) and not is_setting(name, model)
    return is_one and is_setting(name.removesuffix(_FILE), model)


def _files_of(variable: str, folder: Path) -> list[Variable]:
    """Read a folder as pydantic-settings does, but for what is wrong: that is told.

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


class Given(EnvSettingsSource):
    """Settings from variables, wherever these are from."""

    def __init__(self, settings_cls: type[BaseSettings], given: Sequence[Variable]) -> None:
        self._given = given
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {each.name.lower(): each.value for each in self._given}


def _lines_of_env_file() -> dict[str, int]:
    path = Path(".env")
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as stream:
        return {each.key: _first_line(each.original) for each in parse_stream(stream) if each.key}


def _first_line(original: Original) -> int:
    """Find the line that a binding begins on; the parser counts blank lines before it in."""
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")
