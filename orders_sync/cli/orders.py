"""`orders-sync orders`: where an order is, and why."""

from __future__ import annotations

import click

from orders_sync.cli.output import as_json, print_json, print_rows
from orders_sync.cli.story import print_story, story_of
from orders_sync.cli.workplace import account_of, dispatcher, look_again, open_ledger
from orders_sync.domain.rules import Standing
from orders_sync.settings import load_settings

_account = click.option("--account", help="The VTEX account, where more than one has the order.")


@click.group()
def orders() -> None:
    """Look at orders, or have one read afresh."""


@orders.command("list")
@click.option("--account", help="Only orders of this account.")
@click.option("--standing", type=click.Choice([s.value for s in Standing]))
@click.option("--limit", default=50, show_default=True)
@as_json
def list_orders(*, account: str | None, standing: str | None, limit: int, as_json: bool) -> None:
    """List orders, the latest changed first."""
    with open_ledger() as ledger:
        rows = ledger.inquiries.list_orders(
            account=account, standing=Standing(standing) if standing else None, limit=limit
        )
    if as_json:
        print_json(rows)
        return
    columns = ("account", "order_id", "status", "progress", "standing", "cause", "updated_at")
    print_rows(rows, columns, empty="No orders.")


@orders.command("show")
@click.argument("order_id")
@_account
@as_json
def show_order(*, order_id: str, account: str | None, as_json: bool) -> None:
    """Tell the whole story of one order: events, commands, steps, and what people did."""
    with open_ledger() as ledger:
        story = story_of(ledger, account_of(ledger, order_id, account), order_id)
    if as_json:
        print_json(story)
    else:
        print_story(story)


@orders.command("sync")
@click.argument("order_id")
@_account
def sync_order(*, order_id: str, account: str | None) -> None:
    """Have one order read from VTEX now, and brought to where it should be."""
    with open_ledger() as ledger:
        account = account_of(ledger, order_id, account)
        look_again(
            ledger,
            account,
            order_id,
            did="orders sync",
            why=None,
            dispatch=dispatcher(load_settings()),
        )
    click.echo(f"Order {order_id} of {account} will be read: orders-sync orders show {order_id}")
