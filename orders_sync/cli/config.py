"""`orders-sync config`: the settings in force."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click

from orders_sync.cli.output import as_json, print_json
from orders_sync.settings import load_settings
from orders_sync.settings_problems import PREFIX

_PASSWORD = re.compile(r"(://[^/@\s]*:)[^/\s]*@")
_SECRET = re.compile(r"password|secret|token|app_key", re.IGNORECASE)


@click.command()
@as_json
def config(*, as_json: bool) -> None:
    """Print every setting, with secrets hidden."""
    values = _without_passwords(load_settings().model_dump(mode="json"))
    if as_json:
        print_json(values)
        return
    for name, value in _flat(values):
        click.echo(f"{PREFIX}{name}={'' if value is None else value}")


def _without_passwords(value: Any) -> Any:
    """Hide what stands between the user and the host of any URL, however deep it is."""
    if isinstance(value, dict):
        return {
            key: "***" if _SECRET.search(key) else _without_passwords(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_without_passwords(each) for each in value]
    return _PASSWORD.sub(r"\1***@", value) if isinstance(value, str) else value


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key.upper()}"
        if isinstance(value, dict) and value and not name.endswith("ERP_OPTIONS"):
            yield from _flat(value, f"{name}__")
        else:
            yield name, value
