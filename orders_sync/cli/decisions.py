"""`orders-sync parked retry`, `edit` and `discard`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import click

from orders_sync.cli import FAILED
from orders_sync.cli.asking import json_file, read_object
from orders_sync.cli.workplace import account_of, act_now, dispatcher, look_again, open_ledger
from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger
from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.outbound import decide
from orders_sync.settings import load_settings

_MOST = 10_000
_why = click.option("--why", help="Kept in the operator's log.")


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An order, or a command of one."""

    account: str
    order_id: str
    command_id: str | None = None
    kind: str | None = None

    def __str__(self) -> str:
        what = f"{self.kind} {self.command_id} of " if self.command_id else ""
        return f"{what}order {self.order_id or '?'} of {self.account or '?'}"


@click.command("retry")
@click.argument("ids", nargs=-1, metavar="[ORDER|COMMAND]...")
@click.option("--account", help="The account of the orders.")
@click.option("--cause", help="Retry everything that is parked for this cause.")
@_why
@click.option("--dry-run", is_flag=True, help="Only say what would be retried.")
def retry_parked(
    *,
    ids: tuple[str, ...],
    account: str | None,
    cause: str | None,
    why: str | None,
    dry_run: bool,
) -> None:
    """Go on with parked orders and commands from what VTEX says now."""
    if bool(ids) == bool(cause):
        raise click.UsageError("Name orders or commands to retry, or one --cause.")
    with open_ledger() as ledger:
        if cause:
            chosen = _parked_for(ledger, cause, account)
        else:
            chosen = [_find(ledger, each, account) for each in ids]
        if not chosen:
            click.echo(f"Nothing is parked for {cause}.")
        if dry_run:
            for each in chosen:
                click.echo(f"Would retry {each}.")
            return
        refused = _retry(ledger, chosen, why)
    if refused:
        sys.exit(FAILED)


@click.command("edit")
@click.argument("command_id", metavar="COMMAND")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Nothing removes it.")
@json_file
@click.option("--order", "order_id", help="Its order, if it was never accepted.")
@click.option("--key", help="Its key, if it was never accepted and the key is taken.")
@_why
def edit_parked(
    *,
    command_id: str,
    fields: tuple[str, ...],
    file: TextIO | None,
    order_id: str | None,
    key: str | None,
    why: str | None,
) -> None:
    """Change the body of a parked command, and have it sent.

    --set changes single fields, --file gives the whole body. The command keeps its key, so that
    whoever asked for it finds the answer.
    """
    if not (fields or file or order_id or key):
        raise click.UsageError("Say what to change: --set FIELD=VALUE, or --file.")
    settings = load_settings()
    with open_ledger() as ledger:
        body = read_object(file) if file else decide.body_of(command_id, ledger)
        following = decide.edit(
            command_id,
            _changed(body, fields) if fields else body,
            order_id=order_id,
            key=key,
            ledger=ledger,
            max_bytes=settings.max_command_bytes,
            act=act_now(why),
        )
    dispatcher(settings)(following)
    click.echo(f"Command {command_id} is changed and will be sent.")
    click.echo(f"See how far it is: orders-sync parked show {command_id}")


@click.command("discard")
@click.argument("command_id", metavar="COMMAND")
@click.option("--why", required=True, help="Told to the ERP, and kept in the operator's log.")
def discard_parked(*, command_id: str, why: str) -> None:
    """Give a parked command up, and have its ERP told that it was refused."""
    with open_ledger() as ledger:
        waiting = ledger.decisions.discard(command_id, act_now(why))
    if waiting:
        dispatch = dispatcher(load_settings())
        for each in waiting:
            dispatch(each)
    click.echo(f"Command {command_id} is discarded.")


def _parked_for(ledger: Ledger, cause: str, account: str | None) -> list[_Chosen]:
    wanted: dict[str, Any] = {
        "account": account,
        "standing": Standing.PARKED,
        "cause": cause,
        "limit": _MOST,
    }
    orders = ledger.inquiries.list_orders(**wanted)
    commands = ledger.inquiries.list_commands(**wanted)
    return [
        *(_Chosen(row["account"], row["order_id"]) for row in orders),
        *(_Chosen(row["account"], row["order_id"], row["id"], row["kind"]) for row in commands),
    ]


def _find(ledger: Ledger, each: str, account: str | None) -> _Chosen:
    row = ledger.inquiries.command(each)
    if row is not None:
        return _Chosen(row["account"], row["order_id"], each, row["kind"])
    return _Chosen(account_of(ledger, each, account), each)


def _retry(ledger: Ledger, chosen: Sequence[_Chosen], why: str | None) -> int:
    """Retry what can be retried; give the number of those that cannot."""
    dispatch = dispatcher(load_settings())
    refused = 0
    for each in chosen:
        try:
            if each.command_id is None:
                look_again(
                    ledger,
                    each.account,
                    each.order_id,
                    did="parked retry",
                    why=why,
                    dispatch=dispatch,
                )
            else:
                dispatch(decide.retry(each.command_id, ledger=ledger, act=act_now(why)))
            click.echo(f"Retrying {each}.")
        except DecisionRefused as error:
            refused += 1
            click.echo(f"Not retried: {error}", err=True)
    return refused


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
