"""`orders-sync parked edit`: change the body of a parked command, and have it sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from orders_sync.cli.asking import json_file, read_object
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.cli.parameters import ORDER_ID
from orders_sync.cli.workplace import act_now, dispatcher, open_ledger
from orders_sync.outbound import decide
from orders_sync.settings import load_settings


@click.command("edit")
@click.argument("command_id", metavar="COMMAND", type=ORDER_ID)
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Nothing removes it.")
@json_file
@click.option("--order", "order_id", type=ORDER_ID, help="Its order, if it was never accepted.")
@click.option("--key", help="Its key, if it was never accepted and the key is taken.")
@click.option("--reason", "--why", "why", help="Kept in the operator's log.")
@as_json
def edit_parked(
    *,
    command_id: str,
    fields: tuple[str, ...],
    file: bytes | None,
    order_id: str | None,
    key: str | None,
    why: str | None,
    as_json: bool,
) -> None:
    """Change the body of a parked command, and have it sent.

    --set changes single fields, --file gives the whole body. The command keeps its key, so that
    whoever asked for it finds the answer.

    --json: {command_id, account, order_id}.
    """
    if not (fields or file is not None or order_id or key):
        raise click.UsageError("Say what to change: --set FIELD=VALUE, or --file.")
    settings = load_settings()
    with open_ledger() as ledger:
        body = read_object(file) if file is not None else decide.body_of(command_id, ledger)
        following = decide.edit(
            command_id,
            _changed(body, fields) if fields else body,
            order_id=order_id,
            key=key,
            ledger=ledger,
            max_bytes=settings.max_command_bytes,
            act=act_now(why),
        )
        edited = ledger.inquiries.command(command_id) or {}
    dispatch = dispatcher(settings)
    for step in following:
        dispatch(step)
    if as_json:
        print_json(
            {
                "command_id": command_id,
                "account": edited["account"],
                "order_id": edited["order_id"],
            }
        )
        return
    echo(f"Command {command_id} is changed and will be sent.")
    echo(f"See how far it is: orders-sync parked show {command_id}")


def _changed(body: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Set single fields of a body; one that is set to nothing is removed."""
    if not isinstance(body, dict):
        raise click.ClickException("Its body is no JSON object: give a whole one with --file.")
    changed = dict(body)
    for each in fields:
        name, equals, text = each.partition("=")
        if not equals:
            raise click.UsageError(f"--set {each}: write FIELD=VALUE.")
        if text in {"", "null"}:
            changed.pop(name, None)
        else:
            changed[name] = _value(name, text)
    return changed


def _value(name: str, text: str) -> Any:
    """Take a value as text, which the check reads as the field's type, or as JSON in brackets."""
    if text[0] not in "[{":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"--set {name}: the value is not JSON.") from error
