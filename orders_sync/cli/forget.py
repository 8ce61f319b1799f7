"""`orders-sync orders forget`: erase what is personal of one order."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from orders_sync.backoffice.accounts import account_of
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.cli.parameters import ORDER_ID, account_of_order
from orders_sync.cli.workplace import act_now, load_current, open_ledger
from orders_sync.ledger import Ledger
from orders_sync.ledger.retention import Forgettable
from orders_sync.settings import load_settings

_STAYS = "ids, keys, receipts, amounts, statuses, times, the journal and who did what"


@click.command("forget")
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
def forget(*, order_id: str, account: str | None, why: str, yes: bool, as_json: bool) -> None:
    """Erase what is personal of one order, for good: its document and its commands' bodies.

    What is parked of it is given up. VTEX and the ERP have copies of their own, and a new event of
    the order, or `orders sync`, has it read from VTEX again.

    --json: {account, order_id, documents, commands, given_up, traces_in}; how many were erased or
    given up, and the files that may still hold what was erased.
    """
    with open_ledger() as ledger:
        account = account_of(ledger, load_current(), order_id, account)
        found = ledger.retention.forgettable(account, order_id, now=datetime.now(UTC))
        if not yes:
            click.confirm(_question(order_id, account, found), abort=True, err=True)
        done = ledger.retention.forget_order(account, order_id, act_now(why))
        left = _traces(ledger)
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


def _traces(ledger: Ledger) -> list[str]:
    """Have the files of the home folder hold nothing of what was erased; name those that may."""
    from orders_sync.embedded.broker import broker_folder, forget_past  # noqa: PLC0415 - It is slow.

    home = load_settings().home
    left = [] if ledger.retention.empty_log() else ["the ledger's write-ahead log"]
    if not forget_past(home):
        left.append(f"the embedded broker's files in {broker_folder(home)}")
    return left


def _question(order_id: str, account: str, found: Forgettable) -> str:
    parked = ["the order"] if found.is_parked else []
    parked += [f"command {each}" for each in found.parked_commands]
    given_up = f" Parked and given up with it: {', '.join(parked)}." if parked else ""
    return f"Erase what is personal of order {order_id} of {account}, for good?{given_up}"
