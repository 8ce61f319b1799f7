"""`orders-sync orders`: where an order is, and why; read one again, or erase what is personal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from orders_sync.backoffice.accounts import account_of, require_configured, require_known
from orders_sync.backoffice.order_report import OrderStatus, as_object
from orders_sync.backoffice.parked import read_again
from orders_sync.cli.backfill import backfill_orders
from orders_sync.cli.context import act_now, dispatcher, load_current, open_ledger
from orders_sync.cli.order_report import find_story, print_story
from orders_sync.cli.output import as_json, echo, print_json, print_more, print_outcome, print_rows
from orders_sync.cli.parameters import (
    ACCOUNT,
    CAUSE,
    DURATION,
    ORDER_ID,
    account_of_order,
    limit,
)
from orders_sync.domain.rules import Standing
from orders_sync.ledger import Ledger
from orders_sync.ledger.retention import Forgettable
from orders_sync.ledger.searches import COUNTED, OrderSearch
from orders_sync.settings import load_settings
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
_STAYS = "ids, keys, receipts, amounts, statuses, times, the journal and who did what"


@click.group()
def orders() -> None:
    """Look at orders, have some read, or have one forgotten."""


orders.add_command(backfill_orders)


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
        dispatcher(settings)(following)
    show = order_command("orders show", order_id, account)
    says = f"Order {order_id} of {account} will be read: {show}"
    print_outcome({"account": account, "order_id": order_id}, says, as_json=as_json)


@orders.command("forget")
@click.argument("order_id", type=ORDER_ID)
@account_of_order
@click.option(
    "--reason",
    "--why",
    "why",
    required=True,
    help="Kept in the operator's log, so name nobody in it.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@as_json
def forget_order_data(
    *, order_id: str, account: str | None, why: str, yes: bool, as_json: bool
) -> None:
    """Erase what is personal of one order, for good: its document and its commands' bodies.

    What is parked of it is given up. VTEX and the ERP have copies of their own, and a new event of
    the order, or `orders sync`, has it read from VTEX again.

    --json: {account, order_id, documents, commands, given_up, traces_in}; how many were erased or
    given up, and the files that may still hold what was erased.
    """
    with open_ledger() as ledger:
        account = account_of(ledger, load_current(), order_id, account)
        erasable = ledger.retention.forgettable(account, order_id, now=datetime.now(UTC))
        if not yes:
            click.confirm(_forget_question(order_id, account, erasable), abort=True, err=True)
        done = ledger.retention.forget_order(account, order_id, act_now(why))
        left = _remaining_traces(ledger)
    if as_json:
        told = {
            "documents": done.documents,
            "commands": done.commands,
            "given_up": done.given_up,
            "traces_in": left,
        }
        print_json({"account": account, "order_id": order_id, **told})
        return
    echo(
        f"Erased of order {order_id} of {account}: documents {done.documents}, "
        f"commands' bodies {done.commands}. Given up: {done.given_up}."
    )
    echo(f"What stays: {_STAYS}.")
    for place in left:
        echo(f"Not gone yet from {place}.")
    if left:
        echo("Run the same command again while orders-sync up runs and no other command does.")
    echo("VTEX and the ERP keep copies of their own; have the order erased there too.")


def _remaining_traces(ledger: Ledger) -> list[str]:
    """Empty the files of the home folder of what was erased; return those that may hold it."""
    from orders_sync.embedded.broker import broker_folder, forget_past  # noqa: PLC0415 - It is slow.

    home = load_settings().home
    left = [] if ledger.retention.empty_log() else ["the ledger's write-ahead log"]
    if not forget_past(home):
        left.append(f"the embedded broker's files in {broker_folder(home)}")
    return left


def _forget_question(order_id: str, account: str, erasable: Forgettable) -> str:
    parked = ["the order"] if erasable.is_parked else []
    parked += [f"command {command_id}" for command_id in erasable.parked_commands]
    given_up = f" Parked and given up with it: {', '.join(parked)}." if parked else ""
    return f"Erase what is personal of order {order_id} of {account}, for good?{given_up}"
