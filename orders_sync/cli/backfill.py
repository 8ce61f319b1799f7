"""`orders-sync orders backfill`: take up orders from before, which the feed never told of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from orders_sync.cli.dates import Moment, require_span
from orders_sync.cli.output import as_json, at, print_json
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.cli.workplace import chosen_accounts, dispatcher, open_ledger
from orders_sync.settings import Settings, load_settings, require_accounts

if TYPE_CHECKING:
    from orders_sync.ledger import Ledger
    from orders_sync.upkeep.backfill import Backfill, Plan, Tally


@click.command("backfill")
@click.option(
    "--from", "start", type=Moment(), required=True, help="Orders created from this day on (UTC)."
)
@click.option(
    "--to",
    "end",
    type=Moment(is_end=True),
    required=True,
    help="Orders created up to the end of this day.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    help="Only orders with this status of VTEX's; give it for each.",
)
@click.option("--account", type=ACCOUNT, help="Only orders of this account.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be taken, by status.")
@click.option("--restart", is_flag=True, help="Begin anew instead of going on where it stopped.")
@as_json
def backfill_orders(
    *,
    start: datetime,
    end: datetime,
    statuses: tuple[str, ...],
    account: str | None,
    dry_run: bool,
    restart: bool,
    as_json: bool,
) -> None:
    """Take up orders that the ledger does not know, from VTEX's list of orders.

    They go the ordinary road: what is ready for handling or in handling is handed to the ERP,
    what is invoiced or cancelled is only noted. So name the statuses, or try --dry-run first,
    where the ERP has some of them from another system.

    It can be stopped at any time: the same command goes on from there, and one that was done
    says so. No more than ORDERS_SYNC_MAX_IN_FLIGHT orders are on their way at once, so workers
    must run.

    --json: a list of {account, from, to, statuses, dry_run, was_done, position, listed, known,
    taken, by_status}.
    """
    require_span(start, end, now=datetime.now(UTC))
    settings = load_settings()
    require_accounts(settings)
    told: list[dict[str, Any]] = []
    with open_ledger() as ledger:
        for name in chosen_accounts(settings, account):
            plan = _plan(name, start, end, statuses)
            tally, was_done = _run(plan, settings, ledger, is_dry=dry_run, restart=restart)
            told.append(_told(plan, tally, dry_run=dry_run, was_done=was_done))
    if as_json:
        print_json(told)
        return
    for each in told:
        _print(each)


def _plan(account: str, start: datetime, end: datetime, statuses: tuple[str, ...]) -> Plan:
    from orders_sync.upkeep.backfill import Plan  # noqa: PLC0415 - `orders list` must be quick.
    from orders_sync.upkeep.walk import LAG  # noqa: PLC0415

    return Plan(account, start, min(end, datetime.now(UTC) - LAG), tuple(dict.fromkeys(statuses)))
