"""`orders-sync parked`: what waits for a person, and the ways on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from orders_sync.backoffice.accounts import require_known
from orders_sync.backoffice.parked import parked_work
from orders_sync.broker.scripts import STRAYS_LIMIT
from orders_sync.cli.commands import command_report, print_command
from orders_sync.cli.context import load_current, open_ledger
from orders_sync.cli.decisions import discard_parked, edit_parked, retry_parked
from orders_sync.cli.order_report import find_story, print_story
from orders_sync.cli.output import as_json, echo, indented, print_fields, print_json, print_rows
from orders_sync.cli.parameters import ACCOUNT, CAUSE, ORDER_ID, account_of_order, limit
from orders_sync.domain.words import at
from orders_sync.ledger import Ledger
from orders_sync.ledger.strays import RETRYABLE, DroppedStrays
from orders_sync.terminal import command_line

_STRAY_COLUMNS = ("id", "arrived_at", "queue", "reason", "name", "size")
_STRAY_FIELDS = "id arrived_at queue reason name size standing decided_at"


@click.group()
def parked() -> None:
    """See what is parked, and decide about it."""


parked.add_command(retry_parked)
parked.add_command(edit_parked)
parked.add_command(discard_parked)


@parked.command("list")
@click.option("--account", type=ACCOUNT, help="Only what is parked for this account.")
@click.option("--cause", type=CAUSE, help="Only what is parked for this cause.")
@limit
@as_json
def list_parked(*, account: str | None, cause: str | None, limit: int, as_json: bool) -> None:
    """List parked orders and commands by cause, with what a person can do.

    Messages that no task could take are listed too; they are of no account, and their reason is
    their cause. So are items of the feed that cannot be read, which are acknowledged and ask
    nothing. --limit holds for each kind.

    --json: {causes, orders, commands, strays, strays_dropped, events}; causes is how many orders
    and commands are parked, by cause; each of strays is {id, arrived_at, queue, reason, name, size,
    standing, decided_at, has_body}; strays_dropped is null or {count, seen_at}: what the broker had
    to drop.
    """
    with open_ledger() as ledger:
        if account is not None:
            require_known(ledger, load_current(), account)
        work = parked_work(ledger, account, cause, limit=limit)
        events = [] if cause else ledger.inquiries.parked_events(limit=limit)
        strays = [] if account else ledger.strays.parked(reason=cause, limit=limit)
        stray_counts = ledger.strays.count_parked()
        dropped = None if account or cause else ledger.strays.dropped()
    orders = [order.model_dump() for order in work.orders]
    commands = [command.model_dump() for command in work.commands]
    causes = work.causes
    events = [_shown(event) for event in events if account in {None, event["account"]}]
    if as_json:
        for row in (*orders, *commands):
            row["others"] = causes.get(row["cause"] or "", 1) - 1
        listed = {"causes": causes, "orders": orders, "commands": commands, "strays": strays}
        gone = asdict(dropped) if dropped else None
        print_json({**listed, "strays_dropped": gone, "events": events})
        return
    if causes or not strays:
        _print_by_cause([*orders, *commands], causes)
    if strays:
        _print_strays(strays, stray_counts[cause] if cause else sum(stray_counts.values()))
    if dropped:
        _print_dropped(dropped)
    if events:
        echo()
        echo("Items of the feed that are no events (acknowledged, kept here to be seen):")
        print_rows(events, ("account", "problem", "first_seen_at"), empty="")


@parked.command("show")
@click.argument("parked_id", metavar="ORDER|COMMAND|STRAY", type=ORDER_ID)
@account_of_order
@click.option("--body", "with_body", is_flag=True, help="A stray's body too; it may be personal.")
@as_json
def show_parked(*, parked_id: str, account: str | None, with_body: bool, as_json: bool) -> None:
    """Tell everything about one order, command (its body too) or stray message.

    --json: of an order as `orders show`; of a command its fields, body, others, acts; of a stray
    {id, arrived_at, queue, reason, name, size, standing, decided_at, has_body}, with --body its
    body.
    """
    with open_ledger() as ledger:
        stray = ledger.strays.find(parked_id)
        if stray is not None:
            stray = _stray_report(ledger, stray, with_body=with_body)
            if as_json:
                print_json(stray)
            else:
                _print_stray(stray)
            return
        command = ledger.inquiries.command(parked_id)
        if command is None:
            story = find_story(ledger, parked_id, account, now=datetime.now(UTC))
            if as_json:
                print_json(story)
            else:
                print_story(story)
            return
        told = command_report(ledger, command)
    if as_json:
        print_json(told)
    else:
        print_command(told)


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in ("account", "problem", "first_seen_at", "deliveries")}


def _print_by_cause(rows: Sequence[dict[str, Any]], causes: Mapping[str, int]) -> None:
    if not causes:
        echo("Nothing is parked.")
        return
    by_cause: dict[str, list[dict[str, Any]]] = {cause: [] for cause in causes}
    for row in rows:
        by_cause.setdefault(row["cause"] or "", []).append(row)
    # What most wait for comes first; among equals the alphabet decides.
    for cause in sorted(by_cause, key=lambda cause: (-causes.get(cause, 0), cause)):
        group, number = by_cause[cause], causes.get(cause, 0)
        echo(f"{cause}: {number} parked", bold=True)
        for row in group:
            _print_row(row)
        if number > len(group):
            echo(f"  and {number - len(group)} more: --cause {cause} --limit {number}")
        retry = command_line("orders-sync", "parked", "retry", "--cause", cause, "--all")
        echo(f"  All of them: {retry}")


def _print_row(row: Mapping[str, Any]) -> None:
    name = f"{row['kind']} {row['id']} of order" if "kind" in row else "order"
    since = at(row["updated_at"])
    echo(f"  {name} {row['order_id'] or '?'} of {row['account'] or '?'}, since {since}")
    echo(f"    {row['reason']}")
    echo(f"    {row['hint']}")


def _print_strays(strays: Sequence[Mapping[str, Any]], total: int) -> None:
    """Print strays, with what a person can do."""
    echo()
    echo(f"Stray messages, which no task could take: {total} parked")
    print_rows(strays, _STRAY_COLUMNS, empty="")
    echo("  What its sender meant: orders-sync parked show ID, then retry or discard it.")


def _print_dropped(dropped: DroppedStrays) -> None:
    """Print that the broker had more strays than it keeps."""
    echo()
    echo(
        f"{dropped.count} stray messages were dropped by {at(dropped.seen_at)}: the broker keeps "
        f"no more than {STRAYS_LIMIT}."
    )
    echo("  Mend their sender, and have it send again what is still wanted.")


def _stray_report(ledger: Ledger, stray: Mapping[str, Any], *, with_body: bool) -> dict[str, Any]:
    """Return what is shown of a stray; its body, as text, only where it was asked for."""
    report = dict(stray)
    if with_body:
        body = ledger.strays.body(stray["id"])
        report["body"] = None if body is None else body.decode(errors="backslashreplace")
    return report


def _print_stray(stray: Mapping[str, Any]) -> None:
    """Print one stray, and what a person can do about it."""
    print_fields(stray, _STRAY_FIELDS)
    if stray["standing"] == "parked":
        echo()
        if stray["reason"] in RETRYABLE and stray["has_body"]:
            echo("Once a worker knows the task, or the queue is the right one:")
            echo(f"  orders-sync parked retry {stray['id']}")
        echo("Once its sender has mended it:")
        echo(f"  orders-sync parked discard {stray['id']} --reason TEXT")
    if "body" in stray:
        echo()
        echo("Message")
        echo("It is erased." if stray["body"] is None else indented(stray["body"]), of_lines=True)
    elif stray["has_body"]:
        echo()
        echo("Its body may be personal. To see it: --body")
