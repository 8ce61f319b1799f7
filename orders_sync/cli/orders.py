"""`orders-sync orders`: where an order is, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from orders_sync.backoffice.accounts import account_of, require_configured, require_known
from orders_sync.backoffice.order_report import OrderStatus, as_object
from orders_sync.backoffice.parked import read_again
from orders_sync.cli.backfill import backfill_orders
from orders_sync.cli.forget import forget
from orders_sync.cli.output import as_json, echo, print_json, print_more, print_rows
from orders_sync.cli.parameters import (
    ACCOUNT,
    CAUSE,
    DURATION,
    ORDER_ID,
    account_of_order,
    limit,
)
from orders_sync.cli.story import find_story
from orders_sync.cli.telling import print_story
from orders_sync.cli.workplace import act_now, dispatcher, load_current, open_ledger
from orders_sync.domain.rules import Standing
from orders_sync.ledger.searches import COUNTED, OrderSearch
from orders_sync.terminal import order_command

_COLUMNS = (
    "account",
    "order_id",
    "status",
    "progress",
    "standing",
    "attempts",
    "due_at",
    "cause",
    "updated_at",
)


@click.group()
def orders() -> None:
    """Look at orders, have some read, or have one forgotten."""


orders.add_command(backfill_orders)
orders.add_command(forget)


@orders.command("list")
@click.option("--account", type=ACCOUNT, help="Only orders of this account.")
@click.option("--standing", type=click.Choice([s.value for s in Standing]))
@click.option(
    "--status",
    help="Only orders that had this status of VTEX's when they were read last; an order that we "
    "invoice is not read after that.",
)
@click.option("--cause", type=CAUSE, help="Only orders that wait or are parked for this cause.")
@click.option(
    "--older-than", type=DURATION, help="Only orders first heard of longer ago: 30m, 2h, 3d."
)
@limit
@as_json
def list_orders(
    *,
    account: str | None,
    standing: str | None,
    status: str | None,
    cause: str | None,
    older_than: timedelta | None,
    limit: int,
    as_json: bool,
) -> None:
    """List orders, the latest changed first, and say how many more there are.

    --json: {orders, total}; total is counted up to 100000.
    """
    search = OrderSearch(
        account=account,
        standing=Standing(standing) if standing else None,
        status=status,
        cause=cause,
        heard_before=datetime.now(UTC) - older_than if older_than else None,
    )
    with open_ledger() as ledger:
        if account is not None:
            require_known(ledger, load_current(), account)
        rows, total = ledger.searches.search_orders(search, limit=limit)
    listed = [as_object(OrderStatus, row) for row in rows]
    if as_json:
        print_json({"orders": listed, "total": total})
        return
    as_read = " A status is the one that an order had in VTEX when it was read last."
    print_rows(listed, _COLUMNS, empty=f"No orders.{as_read if status else ''}")
    print_more(total, len(rows), COUNTED)


@orders.command("show")
@click.argument("order_id", type=ORDER_ID)
@account_of_order
@as_json
def show_order(*, order_id: str, account: str | None, as_json: bool) -> None:
    """Tell the whole story of one order: where it is and why, and everything that happened.

    --json: {order, whereabouts, document_read_at, reckoning, events, commands, journal, acts}.
    """
    with open_ledger() as ledger:
        story = find_story(ledger, order_id, account, now=datetime.now(UTC))
    if as_json:
        print_json(story)
    else:
        print_story(story)


@orders.command("sync")
@click.argument("order_id", type=ORDER_ID)
@account_of_order
@as_json
def sync_order(*, order_id: str, account: str | None, as_json: bool) -> None:
    """Have one order read from VTEX now, and brought to where it should be.

    --json: {account, order_id}.
    """
    settings = load_current()
    with open_ledger() as ledger:
        account = account_of(ledger, settings, order_id, account)
        require_configured(settings, account)
        following = read_again(ledger, account, order_id, act_now(None))
        dispatch = dispatcher(settings)
        for step in following:
            dispatch(step)
    if as_json:
        print_json({"account": account, "order_id": order_id})
        return
    echo(
        f"Order {order_id} of {account} will be read: "
        f"{order_command('orders show', order_id, account)}"
    )
