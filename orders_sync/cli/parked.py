"""`orders-sync parked`: what waits for a person, and the ways on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import click

from orders_sync.cli.decisions import discard_parked, edit_parked, retry_parked
from orders_sync.cli.output import as_json, print_json, print_rows
from orders_sync.cli.story import print_fields, print_story, story_of
from orders_sync.cli.workplace import account_of, open_ledger
from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger

_COMMAND_FIELDS = (
    "id account order_id kind source asked_key progress standing outcome told next_step attempts "
    "receipt vtex_number value_cents created_at retried_at updated_at due_at cause reason hint"
)


@click.group()
def parked() -> None:
    """See what is parked, and decide about it."""


parked.add_command(retry_parked)
parked.add_command(edit_parked)
parked.add_command(discard_parked)


@parked.command("list")
@click.option("--account", help="Only what is parked for this account.")
@click.option("--cause", help="Only what is parked for this cause.")
@click.option("--limit", default=50, show_default=True, help="Of each kind.")
@as_json
def list_parked(*, account: str | None, cause: str | None, limit: int, as_json: bool) -> None:
    """List parked orders and commands by cause, with what a person can do.

    Items of the feed that cannot be read are listed too; they are acknowledged and ask nothing.
    """
    with open_ledger() as ledger:
        inquiries = ledger.inquiries
        orders = inquiries.list_orders(
            account=account, standing=Standing.PARKED, cause=cause, limit=limit
        )
        commands = inquiries.list_commands(
            account=account, standing=Standing.PARKED, cause=cause, limit=limit
        )
        counts = inquiries.parked_causes()
        events = [] if cause else inquiries.parked_events(limit=limit)
    events = [event for event in events if account in {None, event["account"]}]
    if as_json:
        for row in (*orders, *commands):
            row["others"] = counts.get(row["cause"], 1) - 1
        print_json({"orders": orders, "commands": commands, "events": events})
        return
    _print_by_cause([*orders, *commands], counts)
    if events:
        click.echo("\nItems of the feed that are no events (acknowledged, kept here to be seen):")
        print_rows(events, ("account", "problem", "first_seen_at"), empty="")


@parked.command("show")
@click.argument("parked_id", metavar="ORDER|COMMAND")
@click.option("--account", help="The VTEX account, where more than one has the order.")
@as_json
def show_parked(*, parked_id: str, account: str | None, as_json: bool) -> None:
    """Tell everything about one order or command, the command's body too."""
    with open_ledger() as ledger:
        command = ledger.inquiries.command(parked_id)
        if command is None:
            story = story_of(ledger, account_of(ledger, parked_id, account), parked_id)
            if as_json:
                print_json(story)
            else:
                print_story(story)
            return
        told = _told(ledger, command)
    if as_json:
        print_json(told)
    else:
        _print_command(told)


def _told(ledger: Ledger, command: dict[str, Any]) -> dict[str, Any]:
    """Add to a command what people did about it, and how many others have its cause."""
    acts = ledger.inquiries.acts(command["account"], command["order_id"])
    counts = ledger.inquiries.parked_causes()
    is_parked = command["standing"] == Standing.PARKED
    return {
        **command,
        "others": counts.get(command["cause"], 1) - 1 if is_parked else 0,
        "acts": [act for act in acts if command["id"] in act["did"]],
    }


def _print_command(command: dict[str, Any]) -> None:
    print_fields(command, _COMMAND_FIELDS)
    if command["others"]:
        click.echo(f"{'others':>14}: {command['others']} more are parked for the same cause")
    click.echo("\nBody")
    click.echo(_indented(command["body"]))
    if command["acts"]:
        click.echo("\nBy hand")
        print_rows(command["acts"], ("at", "who", "did", "why"), empty="")


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def _print_by_cause(rows: Sequence[dict[str, Any]], counts: Mapping[str, int]) -> None:
    if not rows:
        click.echo("Nothing is parked.")
        return
    ordered = sorted(rows, key=lambda row: str(row["cause"]))
    for cause, group in groupby(ordered, key=lambda row: row["cause"]):
        click.secho(f"{cause}: {counts.get(cause, 0)} parked", bold=True)
        for row in group:
            name = f"{row['kind']} {row['id']} of order" if "kind" in row else "order"
            since = f"{row['updated_at']:%Y-%m-%d %H:%M}"
            click.echo(f"  {name} {row['order_id'] or '?'} of {row['account'] or '?'}, {since}")
            click.echo(f"    {row['reason']}")
            click.echo(f"    {row['hint']}")
