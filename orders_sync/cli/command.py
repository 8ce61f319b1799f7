"""One command, with what people did about it: for `commands show` and `parked show`."""

from __future__ import annotations

import json
from typing import Any

from orders_sync.backoffice.order_report import CommandStatus, as_object
from orders_sync.cli.output import echo, print_rows
from orders_sync.cli.telling import print_fields
from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger

_COMMAND_FIELDS = (
    "id account order_id kind source asked_key progress standing outcome told next_step attempts "
    "receipt vtex_number value_cents created_at retried_at updated_at due_at cause reason hint"
)


def told_of_command(ledger: Ledger, command: dict[str, Any]) -> dict[str, Any]:
    """Add to a command what people did about it, and how many others have its cause."""
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
    """Tell about one command on the screen."""
    print_fields(command, _COMMAND_FIELDS)
    if command["others"]:
        echo(f"{'others':>14}: {command['others']} more parked for the same cause")
    echo()
    echo("Body")
    echo(_indented(command["body"]), of_lines=True)
    if command["acts"]:
        echo()
        echo("By hand")
        print_rows(command["acts"], ("at", "who", "did", "why"), empty="")


def _indented(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
