"""`orders-sync change`: change an order's items or price, or see what a change would do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from orders_sync.backoffice.accounts import account_of
from orders_sync.cli.asking import BoundedFile, about_order, ask, read_object, require_acceptable
from orders_sync.cli.output import echo, print_json
from orders_sync.cli.workplace import load_current, open_ledger
from orders_sync.commands.change import ChangeBody, judge_change
from orders_sync.commands.verdicts import Known, NotAllowed, Send, Wait
from orders_sync.domain.commands import Command


@click.command()
@about_order
@click.option(
    "--file",
    "file",
    type=BoundedFile(),
    metavar="JSON|-",
    required=True,
    help="A file with the change as a JSON object (-: standard input).",
)
@click.option("--dry-run", is_flag=True, help="Only ask VTEX what the change would do.")
def change(
    *,
    order_id: str,
    account: str | None,
    key: str | None,
    as_json: bool,
    patience: timedelta | None,
    file: bytes,
    dry_run: bool,
) -> None:
    """Change ORDER in VTEX: add, remove or replace items, discount or increment its price.

    Fields of --file: see docs/triggering.md.
    """
    body = read_object(file)
    if dry_run:
        _preview(order_id, body, account=account, as_json=as_json)
    else:
        ask(
            "change",
            order_id,
            body,
            account=account,
            key=key,
            as_json=as_json,
            patience=patience,
        )


def _preview(order_id: str, body: dict[str, Any], *, account: str | None, as_json: bool) -> None:
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.
    from orders_sync.vtex.fulfilment import fulfilment  # noqa: PLC0415

    settings = load_current()
    require_acceptable(Command("change", order_id, body), settings.max_command_bytes)
    with open_ledger() as ledger:
        account = account_of(ledger, settings, order_id, account)
    services = build(settings)
    try:
        vtex = services.vtex(account)
        order = fulfilment(vtex.get_order(order_id))
        verdict = judge_change(ChangeBody.model_validate(body), order, Known(now=services.clock()))
        if isinstance(verdict, NotAllowed):
            raise click.ClickException(f"It would be refused: {verdict.reason} {verdict.hint}")
        if not isinstance(verdict, Send):
            why = verdict.reason if isinstance(verdict, Wait) else verdict.note
            raise click.ClickException(f"VTEX would not take it now: {why}.")
        preview = vtex.preview_change(order_id, verdict.what)
    finally:
        services.close()
    shown = {
        "totalChangeValue": preview.total_change_cents,
        "manualDiscountValue": preview.manual_discount_cents,
        "manualIncrementValue": preview.manual_increment_cents,
        "totals": dict(preview.totals),
    }
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        echo(f"{name}: {value}")
    echo("In cents. Nothing was changed.")
