"""`orders-sync config` and `broker`: the settings in force, their sources, the broker's URL."""

from __future__ import annotations

import json
from typing import Any

import click

from orders_sync.cli.output import as_json, echo, print_json, print_outcome
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
        shown = [setting for setting in shown if setting.is_changed]
        if not shown and not as_json:
            click.echo("Nothing is set: every setting has its default.")
    if as_json:
        print_json({setting.name: _as_object(setting) for setting in shown})
        return
    for setting in shown:
        echo(f"{setting.name}={_as_typed(setting.value)}  # {setting.source}")


@click.group()
def broker() -> None:
    """Tell where the broker is."""


@broker.command("url")
@as_json
def broker_url(*, as_json: bool) -> None:
    """Print the broker's URL, with its password, for services that send commands.

    It is ORDERS_SYNC_BROKER_URL, or that of the embedded broker while `orders-sync up` runs; that
    one is for this machine only, and has another port and password after each start.

    --json: {url}.
    """
    from orders_sync.embedded.broker import with_broker  # noqa: PLC0415 - Celery is slow to import.

    url = with_broker(load_settings()).broker_url
    print_outcome({"url": url}, url or "", as_json=as_json)


def _as_typed(value: Any) -> str:
    """Return a value as it is typed in the environment."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_object(setting: Shown) -> dict[str, Any]:
    variable = setting.variable
    if variable is None:
        nowhere = {"variable": None, "line": None, "file": None}
        return {"value": setting.value, "source": "default", **nowhere}
    source = "environment" if variable.line is None else ".env"
    return {
        "value": setting.value,
        "source": source if variable.file is None else "file",
        "variable": variable.name,
        "line": variable.line,
        "file": variable.file,
    }
