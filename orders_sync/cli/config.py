"""`orders-sync config`: the settings in force, and where each comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.settings import load_settings
from orders_sync.settings_shown import Shown, show


@click.command()
@click.option("--set", "only_set", is_flag=True, help="Only what differs from the defaults.")
@as_json
def config(*, only_set: bool, as_json: bool) -> None:
    """Print every setting in force and where it comes from, with secrets hidden.

    --json: an object of {value, source, variable, line, file} by the setting's name; `source` is
    default, environment, file or .env.
    """
    shown = show(load_settings())
    if only_set:
        shown = [each for each in shown if each.is_changed]
        if not shown and not as_json:
            click.echo("Nothing is set: every setting has its default.")
    if as_json:
        print_json({each.name: _as_object(each) for each in shown})
        return
    for each in shown:
        echo(f"{each.name}={_as_typed(each.value)}  # {each.source}")


def _as_typed(value: Any) -> str:
    """Write a value as it is typed in the environment."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_object(each: Shown) -> dict[str, Any]:
    variable = each.variable
    if variable is None:
        nowhere = {"variable": None, "line": None, "file": None}
        return {"value": each.value, "source": "default", **nowhere}
    source = "environment" if variable.line is None else ".env"
    return {
        "value": each.value,
        "source": source if variable.file is None else "file",
        "variable": variable.name,
        "line": variable.line,
        "file": variable.file,
    }
