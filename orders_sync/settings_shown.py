"""The settings as people see them: with secrets hidden, and where each of them comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orders_sync.settings import Settings, variables
from orders_sync.settings_parts import AccountSettings
from orders_sync.settings_variables import PREFIX, Variable

HIDDEN = "***"

_PASSWORD = re.compile(r"(://[^/@\s]*:)[^/\s]*@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:password|secret|token)[^=&\s]*=)[^&\s]*", re.IGNORECASE)
#: The parts of the name of an account's own setting; what has more is in a block of it.
_OF_ACCOUNT = 3

_SECRET = re.compile(r"password|secret|token|app_key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting in force. `variable` is None where the default holds.

    `is_changed` tells whether it was set to something else than its default.
    """

    name: str
    value: Any
    variable: Variable | None
    is_changed: bool = False

    @property
    def source(self) -> str:
        """Where the value comes from, for a person."""
        if self.variable is None:
            return "default"
        if self.variable.file is not None:
            return f"file {self.variable.file}"
        if self.variable.line is None:
            return f"environment variable {self.variable.name}"
        return f".env line {self.variable.line}"


def show(settings: Settings) -> list[Shown]:
    """List every setting in force, by its variable's full name, with secrets hidden."""
    given = variables()
    values = settings.model_dump(mode="json")
    values["ledger_url"] = settings.ledger
    for account, block in values["accounts"].items():
        block["base_url"] = settings.base_url(account)
    defaults = dict(_flat(Settings.model_construct().model_dump(mode="json")))
    of_account = {name.upper(): f.default for name, f in AccountSettings.model_fields.items()}
    shown = []
    for path, value in _flat(values):
        if value is None and len(path) > _OF_ACCOUNT:
            # It is as for all accounts.
            continue
        source = find_source(path, given)
        is_changed = source is not None and value != defaults.get(path, of_account.get(path[-1]))
        name = PREFIX + "__".join(path)
        shown.append(Shown(name, _hidden(path[-1], value), source, is_changed))
    return shown


def find_source(path: Sequence[str], given: Sequence[Variable]) -> Variable | None:
    """Return the variable that a setting comes from; `path` is its name's parts, in upper case.

    The environment wins over files, these over `.env`, and the setting's own variable over one that
    holds JSON of several.
    """
    for origin in ((False, False), (False, True), (True, False)):
        some = {
            v.name.upper(): v for v in given if (v.line is not None, v.file is not None) == origin
        }
        for length in range(len(path), 0, -1):
            variable = some.get(PREFIX + "__".join(path[:length]))
            if variable is not None and _holds(variable.value, path[length:]):
                return variable
        beginning = PREFIX + "__".join(path) + "__"
        for name, variable in some.items():
            if name.startswith(beginning):
                return variable
    return None


def without_passwords(text: str) -> str:
    """Return a text with the passwords in its URLs hidden."""
    return _QUERY.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1{HIDDEN}@", text))


def _holds(text: str | None, rest: Sequence[str]) -> bool:
    """Check whether a variable's JSON has a value for the rest of a path."""
    if not rest:
        return True
    try:
        value = json.loads(text or "")
    except ValueError:
        return False
    for part in rest:
        if not isinstance(value, Mapping):
            return False
        value = next((given for key, given in value.items() if str(key).upper() == part), None)
    return value is not None


def _hidden(name: str, value: Any) -> Any:
    """Hide what is secret by its name, and the passwords of any URL, however deep they are."""
    if _SECRET.search(name) and value is not None:
        return HIDDEN
    if isinstance(value, dict):
        return {key: _hidden(str(key), given) for key, given in value.items()}
    if isinstance(value, list):
        return [_hidden("", given) for given in value]
    return without_passwords(value) if isinstance(value, str) else value


def _flat(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for key, value in values.items():
        path = (*above, key.upper())
        if isinstance(value, dict) and value and key != "erp_options":
            yield from _flat(value, path)
        else:
            yield path, value
