"""`orders-sync parked`: what waits for a person, and the way back."""

from __future__ import annotations

import click

from orders_sync.cli.output import as_json, print_json, print_rows
from orders_sync.cli.workplace import account_of, look_again, open_ledger
from orders_sync.domain.rules import Standing

_MOST = 10_000


@click.group()
def parked() -> None:
    """See what is parked, and retry it."""


@parked.command("list")
@click.option("--account", help="Only orders of this account.")
@click.option("--cause", help="Only orders parked for this cause.")
@click.option("--limit", default=50, show_default=True)
@as_json
def list_parked(*, account: str | None, cause: str | None, limit: int, as_json: bool) -> None:
    """List parked orders with what a person can do, and unreadable items of the feed."""
    with open_ledger() as ledger:
        orders = ledger.inquiries.list_orders(
            account=account, standing=Standing.PARKED, cause=cause, limit=limit
        )
        events = ledger.inquiries.parked_events(limit=limit)
    if as_json:
        print_json({"orders": orders, "events": events})
        return
    columns = ("account", "order_id", "cause", "reason", "hint", "updated_at")
    print_rows(orders, columns, empty="No order is parked.")
    if events:
        click.echo("\nItems of the feed that are no events (acknowledged, kept here to be seen):")
        print_rows(events, ("account", "problem", "first_seen_at"), empty="")


@parked.command("retry")
@click.argument("order_ids", nargs=-1)
@click.option("--account", help="The account of the orders.")
@click.option("--cause", help="Retry every order parked for this cause.")
@click.option("--why", help="Kept in the operator's log.")
@click.option("--dry-run", is_flag=True, help="Only say what would be retried.")
def retry_parked(
    *,
    order_ids: tuple[str, ...],
    account: str | None,
    cause: str | None,
    why: str | None,
    dry_run: bool,
) -> None:
    """Read parked orders afresh and go on with them from what VTEX says now."""
    if bool(order_ids) == bool(cause):
        raise click.UsageError("Name orders to retry, or one --cause.")
    with open_ledger() as ledger:
        if cause:
            rows = ledger.inquiries.list_orders(
                account=account, standing=Standing.PARKED, cause=cause, limit=_MOST
            )
            chosen = [(row["account"], row["order_id"]) for row in rows]
        else:
            chosen = [(account_of(ledger, each, account), each) for each in order_ids]
        for owner, order_id in chosen:
            if not dry_run:
                look_again(ledger, owner, order_id, did="parked retry", why=why)
            click.echo(f"{'Would retry' if dry_run else 'Retrying'} order {order_id} of {owner}.")
    if not chosen:
        click.echo(f"Nothing is parked for {cause}.")
