"""`orders-sync invoice`, `track`, `cancel`, `deny` and `note`: tell VTEX something by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TextIO

import click

from orders_sync.cli.asking import about_order, ask, json_file, with_options

_PACKAGE = (
    click.option("--tracking-number", help="The carrier's number of the package."),
    click.option("--tracking-url", help="Where the package can be followed."),
    click.option("--courier", help="The carrier's name."),
    click.option("--dispatched-at", help="When the package left, as 2026-11-27T12:00:00-03:00."),
)


def _package(function: Any) -> Any:
    for decorate in reversed(_PACKAGE):
        function = decorate(function)
    return function


@click.command()
@about_order
@click.option("--number", help="The invoice's number.")
@click.option("--type", "type_", type=click.Choice(["Output", "Input"]), help="Input: a return.")
@click.option("--value-cents", type=int, help="With freight; what is left of the order otherwise.")
@click.option("--issued-at", help="As 2026-11-27T12:00:00-03:00; now if left out.")
@click.option("--access-key", help="Its key at the tax office.")
@click.option("--url", help="Where it can be read.")
@click.option("--cfop", help="Brazil's code of the operation.")
@_package
@json_file
def invoice(
    *,
    order_id: str,
    account: str | None,
    key: str | None,
    as_json: bool,
    file: TextIO | None,
    type_: str | None,
    **fields: Any,
) -> None:
    """Send an invoice of ORDER to VTEX: of all of it, or of the items in --file.

    Fields for --file: see docs/triggering.md.
    """
    body = with_options(file, {"type": type_, **fields})
    ask("invoice", order_id, body, account=account, key=key, as_json=as_json)


@click.command()
@about_order
@click.option("--invoice", "invoice_number", help="The number of the invoice that travels.")
@_package
@click.option("--event", help="What happened to the package.")
@click.option("--city", help="Where it happened; VTEX wants it with every event.")
@click.option("--state", help="The state or province; VTEX wants it too.")
@click.option("--date", help="The day it happened, as 2026-11-27; today if left out.")
@click.option("--delivered", is_flag=True, help="The package arrived.")
@click.option("--delivered-at", help="When it arrived, as 2026-11-27T12:00:00-03:00.")
@json_file
def track(
    *,
    order_id: str,
    account: str | None,
    key: str | None,
    as_json: bool,
    file: TextIO | None,
    event: str | None,
    city: str | None,
    state: str | None,
    date: str | None,
    **fields: Any,
) -> None:
    """Tell VTEX how the package of an invoice of ORDER travels, and what happened to it."""
    if event is not None:
        if not (city and state):
            raise click.UsageError("An --event needs its --city and its --state.")
        day = date or f"{datetime.now(UTC):%Y-%m-%d}"
        fields["events"] = [{"description": event, "city": city, "state": state, "date": day}]
    elif city or state or date:
        raise click.UsageError("--city, --state and --date belong to an --event.")
    body = with_options(file, fields)
    ask("track", order_id, body, account=account, key=key, as_json=as_json)


@click.command()
@about_order
@click.option("--reason", required=True, help="Why; the customer may read it.")
def cancel(
    *, order_id: str, account: str | None, key: str | None, as_json: bool, reason: str
) -> None:
    """Cancel ORDER in VTEX, which takes no cancellation once it is invoiced."""
    ask("cancel", order_id, {"reason": reason}, account=account, key=key, as_json=as_json)


@click.command()
@about_order
@click.option("--reason", required=True, help="Why; the customer reads it.")
def deny(
    *, order_id: str, account: str | None, key: str | None, as_json: bool, reason: str
) -> None:
    """Deny the cancellation of ORDER that its customer requested."""
    ask("deny", order_id, {"reason": reason}, account=account, key=key, as_json=as_json)


@click.command()
@about_order
@click.option("--message", required=True, help="The line; the customer does not see it.")
def note(
    *, order_id: str, account: str | None, key: str | None, as_json: bool, message: str
) -> None:
    """Add a line to the timeline of ORDER in VTEX's Admin."""
    ask("note", order_id, {"message": message}, account=account, key=key, as_json=as_json)
