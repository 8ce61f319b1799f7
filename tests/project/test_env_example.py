"""`.env.example` has every setting, nothing else, and the defaults that are in force."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountRetrySettings, AccountSettings, RetrySettings
from orders_sync.settings_variables import PREFIX, describe_name

EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text()
_LINE = re.compile(rf"^(?:# )?({PREFIX}\w+)=(.*)$", re.MULTILINE)
LINES = dict(_LINE.findall(EXAMPLE))
ACCOUNT = f"{PREFIX}ACCOUNTS__MYSTORE__"


def leaves(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the variable of each setting; of the queues' retry policies, which are alike, one."""
    for name, field in model.model_fields.items():
        annotation: Any = field.annotation
        queue = {RetrySettings: "ORDERS", AccountRetrySettings: "INVOICE"}.get(model)
        variable = f"{prefix}{name.upper()}"
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if queue in (None, name.upper()):
                yield from leaves(annotation, f"{variable}__")
        elif AccountSettings not in get_args(annotation):
            yield variable


def value_of(variable: str, settings: Settings) -> Any:
    value: Any = settings
    for name in variable.removeprefix(PREFIX).lower().split("__"):
        value = getattr(value, name)
    return value


def test_every_setting_is_in_the_example() -> None:
    expected = {*leaves(Settings, PREFIX), *leaves(AccountSettings, ACCOUNT)}
    given = {*LINES, *(variable.removesuffix("_FILE") for variable in LINES)}

    assert expected - given == set()


def test_nothing_else_is_in_the_example() -> None:
    problems = {
        variable: describe_name(variable, Settings)
        for variable in LINES
        if describe_name(variable.removesuffix("_FILE"), Settings)
    }

    assert {variable: problem for variable, problem in problems.items() if problem} == {}


def test_all_of_the_example_can_be_set_and_says_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    defaults = Settings()
    files = {f"{PREFIX}SECRETS_DIR"}
    given = {name: value for name, value in LINES.items() if not name.endswith("_FILE")}
    for variable in given.keys() - files:
        monkeypatch.setenv(variable, given[variable])

    settings = Settings()

    assert list(settings.accounts) == ["mystore"]
    others = {
        variable: value_of(variable, settings)
        for variable in given.keys() - files
        if not variable.startswith(ACCOUNT)
        and value_of(variable, defaults)
        and value_of(variable, settings) != value_of(variable, defaults)
    }
    assert others == {}
