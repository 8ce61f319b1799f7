"""`orders-sync commands`: what VTEX shall be told, how far it is, and why it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from orders_sync.backoffice.accounts import require_known
from orders_sync.backoffice.order_report import CommandStatus, as_object
from orders_sync.cli.context import load_current, open_ledger
from orders_sync.cli.output import (
    as_json,
    echo,
    indented,
    print_fields,
    print_json,
    print_more,
    print_rows,
)
from orders_sync.cli.parameters import ACCOUNT, CAUSE, DURATION, ORDER_ID, limit
from orders_sync.commands import NAMED
from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger
from orders_sync.ledger.searches import COUNTED, CommandSearch

_COLUMNS = (
    "id",
    "kind",
    "account",
    "order_id",
    "standing",
    "outcome",
    "attempts",
    "due_at",
    "cause",
    "updated_at",
)
_FIELDS = (
    "id account order_id kind source asked_key progress standing outcome told next_step attempts "
    "receipt vtex_number value_cents created_at retried_at updated_at due_at cause reason hint"
)


@click.group()
def commands() -> None:
    """Look at commands: invoices, tracking, cancellations, changes, denials and notes."""


@commands.command("list")
@click.option("--account", type=ACCOUNT, help="Only commands of this account.")
@click.option("--order", "order_id", type=ORDER_ID, help="Only commands about this order.")
@click.option("--kind", type=click.Choice(list(NAMED)))
@click.option("--standing", type=click.Choice([s.value for s in Standing]))
@click.option("--cause", type=CAUSE, help="Only commands that wait or are parked for this cause.")
@click.option(
    "--older-than", type=DURATION, help="Only commands asked for longer ago: 30m, 2h, 3d."
)
@limit
@as_json
def list_commands(
    *,
    account: str | None,
    order_id: str | None,
    kind: str | None,
    standing: str | None,
    cause: str | None,
    older_than: timedelta | None,
    limit: int,
    as_json: bool,
) -> None:
    """List commands, the latest changed first, and say how many more there are.

    --json: {commands, total}; total is counted up to 100000.
    """
    search = CommandSearch(
        account=account,
        order_id=order_id,
        kind=kind,
        standing=Standing(standing) if standing else None,
        cause=cause,
        asked_before=datetime.now(UTC) - older_than if older_than else None,
    )
    with open_ledger() as ledger:
        if account is not None:
            require_known(ledger, load_current(), account)
        rows, total = ledger.searches.search_commands(search, limit=limit)
    listed = [as_object(CommandStatus, row) for row in rows]
    if as_json:
        print_json({"commands": listed, "total": total})
        return
    print_rows(listed, _COLUMNS, empty="No commands.")
    print_more(total, len(rows), COUNTED)


@commands.command("show")
@click.argument("command_id", metavar="COMMAND", type=ORDER_ID)
@as_json
def show_command(*, command_id: str, as_json: bool) -> None:
    """Tell everything about one command, with its body, and what people did about it.

    --json: its fields, body, others (how many more are parked for its cause), acts.
    """
    with open_ledger() as ledger:
        command = ledger.inquiries.command(command_id)
        if command is None:
            raise click.ClickException(
                f"There is no command {command_id}. See: orders-sync commands list"
            )
        report = command_report(ledger, command)
    if as_json:
        print_json(report)
    else:
        print_command(report)


def command_report(ledger: Ledger, command: dict[str, Any]) -> dict[str, Any]:
    """Return a command with what people did about it, and how many others have its cause."""
    acts = ledger.inquiries.acts(command["account"], command["order_id"])
    counts = ledger.searches.parked_counts()
    is_parked = command["standing"] == Standing.PARKED
    return {
        **as_object(CommandStatus, command),
        "body": command["body"],
        "others": counts.get(command["cause"] or "", 1) - 1 if is_parked else 0,
        "acts": [act for act in acts if command["id"] in act["did"]],
    }


def print_command(command: dict[str, Any]) -> None:
    """Print one command, with its body and what people did about it."""
    print_fields(command, _FIELDS)
    if command["others"]:
        echo(f"{'others':>14}: {command['others']} more parked for the same cause")
    echo()
    echo("Body")
    echo(indented(command["body"]), of_lines=True)
    if command["acts"]:
        echo()
        echo("By hand")
        print_rows(command["acts"], ("at", "who", "did", "why"), empty="")
