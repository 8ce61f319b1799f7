"""`orders-sync invoice`, `track`, `cancel`, `deny` and `note`: tell VTEX something by hand.

Their options are the fields of the kinds' bodies; lists are given with `--file`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from orders_sync.cli.asking import about_order, ask, json_file, with_options
from orders_sync.commands.body import ParcelBody
from orders_sync.commands.cancel import CANCEL
from orders_sync.commands.deny import DENY
from orders_sync.commands.invoice import INVOICE
from orders_sync.commands.kind import Kind
from orders_sync.commands.note import NOTE
from orders_sync.commands.track import TRACK

Fields = dict[str, Any]


def command_of(
    kind: Kind, *beside: Callable[[Any], Any], complete: Callable[[Fields], Fields] = dict
) -> click.Command:
    """Return the command that asks for a kind, with an option for each field that has one value.

    `beside` are options that are no fields; `complete` makes fields of them.
    """

    def run(
        *,
        order_id: str,
        account: str | None,
        key: str | None,
        as_json: bool,
        patience: timedelta | None,
        file: bytes | None = None,
        **given: Any,
    ) -> None:
        body = with_options(file, complete(given))
        ask(
            kind.name,
            order_id,
            body,
            account=account,
            key=key,
            as_json=as_json,
            patience=patience,
        )

    run.__doc__ = f"{kind.summary}\n\nThe fields are explained in docs/triggering.md."
    has_lists = kind.argument is not None
    options = [
        *_options(kind, required=not has_lists),
        *beside,
        *([json_file] if has_lists else []),
    ]
    for decorate in reversed(options):
        run = decorate(run)
    return click.command(name=kind.name)(about_order(run))


def _options(kind: Kind, *, required: bool) -> Iterator[Callable[[Any], Any]]:
    fields = kind.body.model_fields
    for name in sorted(fields, key=lambda name: name in ParcelBody.model_fields):
        field = fields[name]
        if field.description is None:
            continue
        long = f"--{name.replace('_', '-')}"
        is_flag = field.annotation is bool
        yield click.option(
            *([long, "--invoice"] if name == "invoice_number" else [long]),
            name,
            is_flag=is_flag,
            type=None if is_flag else _type_of(field),
            required=required and field.is_required(),
            help=field.description,
        )


def _type_of(field: FieldInfo) -> Any:
    """Return the click type of an option; what is no number or choice is checked with the body."""
    annotations = [field.annotation]
    for annotation in annotations:
        if get_origin(annotation) is Literal:
            return click.Choice(get_args(annotation))
        if annotation is int:
            return click.INT
        annotations += get_args(annotation)
    return click.STRING


_EVENT = (
    click.option("--event", help="What happened to the package."),
    click.option("--city", help="Where it happened; VTEX wants it with every event."),
    click.option("--state", help="The state or province; VTEX wants it too."),
    click.option("--date", help="The day it happened, as 2026-11-27; today if left out."),
)


def _with_event(given: Fields) -> Fields:
    """Return the fields with the event that --event and its options say."""
    event, city, state, date = (given.pop(name) for name in ("event", "city", "state", "date"))
    if event is None:
        if city or state or date:
            raise click.UsageError("--city, --state and --date belong to an --event.")
        return given
    if not (city and state):
        raise click.UsageError("An --event needs its --city and its --state.")
    day = date or f"{datetime.now(UTC):%Y-%m-%d}"
    return {**given, "events": [{"description": event, "city": city, "state": state, "date": day}]}


invoice = command_of(INVOICE)
track = command_of(TRACK, *_EVENT, complete=_with_event)
cancel = command_of(CANCEL)
deny = command_of(DENY)
note = command_of(NOTE)
