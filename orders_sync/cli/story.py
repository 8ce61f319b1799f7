"""The whole story of one order on one screen."""

from __future__ import annotations

from typing import Any

import click

from orders_sync.cli.output import print_rows
from orders_sync.ledger import Ledger

_MOST_COMMANDS = 1000
_TIME = "%Y-%m-%d %H:%M:%S"


def story_of(ledger: Ledger, account: str, order_id: str) -> dict[str, Any]:
    """Gather the order, its events, commands, steps, and what people did about it.

    Raises:
        click.ClickException: the ledger knows nothing of the order.
    """
    order, events, journal = ledger.inquiries.story(account, order_id)
    commands = ledger.inquiries.list_commands(
        account=account, order_id=order_id, limit=_MOST_COMMANDS
    )
    if order is None and not commands:
        raise click.ClickException(
            f"Order {order_id} of {account} is not in the ledger. "
            f"Have it read from VTEX: orders-sync orders sync {order_id} --account {account}"
        )
    return {
        "order": order,
        "events": events,
        "commands": sorted(commands, key=lambda row: row["created_at"]),
        "journal": journal,
        "acts": ledger.inquiries.acts(account, order_id),
    }


def print_story(story: dict[str, Any]) -> None:
    """Print the story: where the order is, what waits for a person, then what happened."""
    if story["order"] is not None:
        print_fields(
            story["order"],
            "status progress standing next_step attempts due_at erp_reference cause reason hint",
        )
    click.echo("\nEvents")
    for event in story["events"]:
        _print_event(event)
    if not story["events"]:
        click.echo("  None came.")
    click.echo("\nCommands")
    for command in story["commands"]:
        _print_command(command)
    if not story["commands"]:
        click.echo("  Nothing was asked for.")
    click.echo("\nSteps")
    for entry in story["journal"]:
        _print_entry(entry)
    if not story["journal"]:
        click.echo("  Nothing happened yet.")
    if story["acts"]:
        click.echo("\nBy hand")
        print_rows(story["acts"], ("at", "who", "did", "why"), empty="")


def _print_event(event: dict[str, Any]) -> None:
    seen = "not acknowledged"
    if event["acknowledged_at"] is not None:
        seen = f"acknowledged {event['acknowledged_at']:{_TIME}}"
    what = f"{event['domain']} {event['state'] or event['problem']}"
    deliveries = f"deliveries {event['deliveries']}"
    click.echo(f"  {event['first_seen_at']:{_TIME}}  {what}, {deliveries}, {seen}")


def _print_entry(entry: dict[str, Any]) -> None:
    words = [entry["what"] if entry["step"] is None else f"{entry['step']} {entry['what']}"]
    if entry["attempt"] is not None:
        words.append(f"try {entry['attempt']}")
    if entry["seconds"] is not None:
        words.append(f"{entry['seconds']:.2f} s")
    note = f": {entry['note']}" if entry["note"] else ""
    click.echo(f"  {entry['at']:{_TIME}}  {', '.join(words)}{note}")


def _print_command(command: dict[str, Any]) -> None:
    """Print a command as a few lines, which a narrow screen takes better than a wide table."""
    name = " ".join(filter(None, (command["kind"], command["vtex_number"])))
    cause = f": {command['cause']}" if command["cause"] else ""
    click.echo(f"  {command['created_at']:{_TIME}}  {name}  {command['standing']}{cause}")
    key = f" under {command['asked_key']}" if command["asked_key"] else ""
    click.echo(f"    command {command['id']}, asked for by {command['source']}{key}")
    for words, value in (
        ("receipt", command["receipt"]),
        ("failed tries", command["attempts"] or None),
        ("next try", command["due_at"]),
        ("told the ERP", command["told"]),
        ("why", command["reason"]),
        ("hint", command["hint"]),
    ):
        if value is not None:
            click.echo(f"    {words}: {value}")


def print_fields(row: dict[str, Any], names: str) -> None:
    """Print the named fields that say something, one a line."""
    for name in names.split():
        if row[name] not in {None, 0}:
            click.echo(f"{name.replace('_', ' '):>14}: {row[name]}")
