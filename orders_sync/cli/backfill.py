"""`orders-sync orders backfill`: take up orders from before, which the feed never told of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from orders_sync.cli.context import dispatcher, load_current, open_ledger, targets
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.cli.parameters import ACCOUNT, Instant
from orders_sync.domain.words import at
from orders_sync.errors import ConfigurationError
from orders_sync.ledger import Ledger
from orders_sync.settings import Settings, require_accounts
from orders_sync.terminal import legible
from orders_sync.traffic.waits import Lane
from orders_sync.upkeep.backfill import Backfill, BackfillPlan, Tally, kept_tally

if TYPE_CHECKING:
    from orders_sync.bootstrap import Services

_LINE_EVERY_SECONDS: Final = 5.0
#: VTEX shows no order that is older.
_OLDEST: Final = timedelta(days=2 * 365)


@click.command("backfill")
@click.option(
    "--from", "start", type=Instant(), required=True, help="Orders created from this day on (UTC)."
)
@click.option(
    "--to",
    "end",
    type=Instant(is_end=True),
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
    _require_span(start, end, now=datetime.now(UTC))
    settings = load_current()
    require_accounts(settings)
    told: list[dict[str, Any]] = []
    with open_ledger() as ledger:
        for name in targets(settings, account):
            plan = BackfillPlan(name, start, end, tuple(dict.fromkeys(statuses)))
            tally, was_done = _run(plan, settings, ledger, is_dry=dry_run, restart=restart)
            told.append(_told(plan, tally, dry_run=dry_run, was_done=was_done))
    if as_json:
        print_json(told)
        return
    for row in told:
        _print(row)


def _require_span(start: datetime, end: datetime, *, now: datetime) -> None:
    """Refuse a span that holds no order that VTEX would show.

    Raises:
        click.UsageError: the message says which end of it is wrong.
    """
    if start >= end:
        raise click.UsageError(f"--from {start:%Y-%m-%d %H:%M} must lie before --to.")
    if start > now:
        raise click.UsageError(f"--from {start:%Y-%m-%d %H:%M} UTC is yet to come.")
    if end < now - _OLDEST:
        raise click.UsageError("--to lies more than two years back, and VTEX shows nothing there.")


def _run(
    plan: BackfillPlan, settings: Settings, ledger: Ledger, *, is_dry: bool, restart: bool
) -> tuple[Tally, bool]:
    """Carry out a plan; return how far it is, and whether it was done before."""
    before = None if is_dry or restart else kept_tally(ledger, plan)
    if before is not None and before.position >= plan.end:
        return before, True
    with _open_backfill_services(settings) as services, _ProgressDisplay(plan) as display:
        backfill = Backfill(
            vtex=services.vtex(plan.account, Lane.RECONCILE),
            ledger=ledger,
            clock=services.clock,
            dispatch=dispatcher(settings),
            pause=time.sleep,
            show=display.show,
            in_flight=settings.max_in_flight,
        )
        return backfill.run(plan, is_dry=is_dry, restart=restart), False


@contextmanager
def _open_backfill_services(settings: Settings) -> Iterator[Services]:
    """Open services that call within the budget that the workers share, where that is reached."""
    # `orders list` must be quick.
    from orders_sync.bootstrap import build, connect_traffic  # noqa: PLC0415
    from orders_sync.embedded.broker import with_broker  # noqa: PLC0415

    try:
        traffic = connect_traffic(with_broker(settings))
    except ConfigurationError:
        traffic = None
    services = build(settings, traffic=traffic)
    try:
        yield services
    finally:
        services.close()


class _ProgressDisplay:
    """A bar over the time that is walked through, or a line now and then, on standard error."""

    def __init__(self, plan: BackfillPlan) -> None:
        self._start = plan.start
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._next_line_at = time.monotonic() + _LINE_EVERY_SECONDS
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        length = (plan.end - plan.start).total_seconds()
        self._task = self._bar.add_task(plan.account, total=length, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, tally: Tally, why: str) -> None:
        """Show how far it is, and why it waits."""
        note = f"until {at(tally.position)}: {tally.taken} taken, {tally.known} known before"
        note += f", waits: {why}" if why else ""
        done = (tally.position - self._start).total_seconds()
        self._bar.update(self._task, completed=done, note=note)
        if not self._console.is_terminal and time.monotonic() >= self._next_line_at:
            self._next_line_at = time.monotonic() + _LINE_EVERY_SECONDS
            self._console.print(legible(note), markup=False)


def _told(plan: BackfillPlan, tally: Tally, *, dry_run: bool, was_done: bool) -> dict[str, Any]:
    return {
        "account": plan.account,
        "from": plan.start,
        "to": plan.end,
        "statuses": list(plan.statuses),
        "dry_run": dry_run,
        "was_done": was_done,
        "position": tally.position,
        "listed": tally.listed,
        "known": tally.known,
        "taken": tally.taken,
        "by_status": dict(tally.by_status.most_common()),
    }


def _print(told: dict[str, Any]) -> None:
    taken, position = told["taken"], at(told["position"])
    verb = "would be taken" if told["dry_run"] else "taken"
    if told["was_done"]:
        echo(f"{told['account']}: done before, {taken} taken. Begin anew with --restart.")
        return
    echo(f"{told['account']}: {taken} {verb}, {told['known']} known before.")
    for status, number in told["by_status"].items():
        echo(f"  {status}: {number}")
    if told["position"] < told["to"]:
        echo(f"VTEX's list reaches until {position}. Later orders: the same command, later.")
