"""`orders-sync invoice`, `track`, `cancel`, `change`, `deny` and `note`: ask for a command by hand.

Their options are the fields of the kinds' bodies; lists are given with `--file`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from orders_sync.backoffice.accounts import account_of, require_configured
from orders_sync.backoffice.waiting import Outcomes
from orders_sync.cli.context import act_now, dispatcher, load_current, open_ledger
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.cli.parameters import (
    DURATION,
    ORDER_ID,
    BoundedFile,
    account_of_order,
    json_file,
    read_object,
)
from orders_sync.commands import noun_of
from orders_sync.commands.acceptance import NotAcceptedError, check
from orders_sync.commands.body import ParcelBody
from orders_sync.commands.cancel import CANCEL
from orders_sync.commands.change import ChangeBody, judge_change
from orders_sync.commands.deny import DENY
from orders_sync.commands.invoice import INVOICE
from orders_sync.commands.kind import Kind
from orders_sync.commands.note import NOTE
from orders_sync.commands.track import TRACK
from orders_sync.commands.verdicts import Known, NotAllowed, Send, Wait
from orders_sync.domain.commands import Command
from orders_sync.domain.rules import OPEN, Standing
from orders_sync.ledger import Ledger
from orders_sync.outbound.accept import Accepted, Intake, accept
from orders_sync.terminal import order_command

F = TypeVar("F", bound=Callable[..., Any])
Fields = dict[str, Any]

#: What `--json` adds with `--wait`.
_OUTCOME: Final = ("standing", "outcome", "cause", "reason", "receipt")


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What every command takes; `patience` is how long to wait for its outcome, if at all."""

    order_id: str
    account: str | None
    key: str | None
    as_json: bool
    patience: timedelta | None


def _about_order(function: F) -> F:
    """Add what every command takes: the order, --account, --key, --wait and --json.

    The function is given them as `OrderOptions`.
    """

    @wraps(function)
    def run(
        *,
        order_id: str,
        account: str | None,
        key: str | None,
        as_json: bool,
        wait: bool,
        timeout: timedelta,
        **given: Any,
    ) -> None:
        patience = timeout if wait else None
        function(OrderOptions(order_id, account, key, as_json, patience), **given)

    wrapped: Any = run
    for decorate in (
        as_json,
        click.option(
            "--timeout", type=DURATION, default="5m", show_default=True, help="How long to --wait."
        ),
        click.option(
            "--wait",
            is_flag=True,
            help="Wait for the outcome; exit status 1 where it is refused, parked or not there.",
        ),
        click.option("--key", help="Makes a repeat harmless; made from the content if left out."),
        account_of_order,
        click.argument("order_id", metavar="ORDER", type=ORDER_ID),
    ):
        wrapped = decorate(wrapped)
    result: F = wrapped
    return result


def _command_of(
    kind: Kind, *beside: Callable[[Any], Any], complete: Callable[[Fields], Fields] = dict
) -> click.Command:
    """Return the command that asks for a kind, with an option for each field that has one value.

    `beside` are options that are no fields; `complete` makes fields of them.
    """

    def run(options: OrderOptions, *, file: bytes | None = None, **given: Any) -> None:
        _ask(kind.name, _with_options(file, complete(given)), options)

    run.__doc__ = f"{kind.summary}\n\nThe fields are explained in docs/triggering.md."
    has_lists = kind.argument is not None
    decorators = [
        *_options(kind, required=not has_lists),
        *beside,
        *([json_file] if has_lists else []),
    ]
    for decorate in reversed(decorators):
        run = decorate(run)
    return click.command(name=kind.name)(_about_order(run))


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


def _with_options(file: bytes | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's fields with the options that were given on top."""
    # A flag that was not set is no option that was given.
    given = {n: value for n, value in options.items() if value is not None and value is not False}
    return {**({} if file is None else read_object(file)), **given}


@click.command()
@_about_order
@click.option(
    "--file",
    "file",
    type=BoundedFile(),
    metavar="JSON|-",
    required=True,
    help="A file with the change as a JSON object (-: standard input).",
)
@click.option("--dry-run", is_flag=True, help="Only ask VTEX what the change would do.")
def change(options: OrderOptions, *, file: bytes, dry_run: bool) -> None:
    """Change ORDER in VTEX: add, remove or replace items, discount or increment its price.

    Fields of --file: see docs/triggering.md.
    """
    body = read_object(file)
    if dry_run:
        _preview(body, options)
    else:
        _ask("change", body, options)


def _preview(body: dict[str, Any], options: OrderOptions) -> None:
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.
    from orders_sync.vtex.fulfilment import fulfilment  # noqa: PLC0415

    settings, order_id = load_current(), options.order_id
    _require_acceptable(Command("change", order_id, body), settings.max_command_bytes)
    with open_ledger() as ledger:
        account = account_of(ledger, settings, order_id, options.account)
    services = build(settings)
    try:
        vtex = services.vtex(account)
        order = fulfilment(vtex.get_order(order_id))
        verdict = judge_change(ChangeBody.model_validate(body), order, Known(now=services.clock()))
        if isinstance(verdict, NotAllowed):
            raise click.ClickException(f"It would be refused: {verdict.reason} {verdict.hint}")
        if not isinstance(verdict, Send):
            why = verdict.reason if isinstance(verdict, Wait) else verdict.note
            raise click.ClickException(f"VTEX would not take it now: {why}.")
        preview = vtex.preview_change(order_id, verdict.what)
    finally:
        services.close()
    shown = {
        "totalChangeValue": preview.total_change_cents,
        "manualDiscountValue": preview.manual_discount_cents,
        "manualIncrementValue": preview.manual_increment_cents,
        "totals": dict(preview.totals),
    }
    if options.as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        echo(f"{name}: {value}")
    echo("In cents. Nothing was changed.")


invoice = _command_of(INVOICE)
track = _command_of(TRACK, *_EVENT, complete=_with_event)
cancel = _command_of(CANCEL)
deny = _command_of(DENY)
note = _command_of(NOTE)


def _ask(kind: str, body: Any, options: OrderOptions) -> None:
    """Accept and dispatch a command, and print which it is; with `patience`, what became of it.

    Raises:
        click.ClickException: it was refused, or parked, or is not at its end; the message says why.
    """
    from orders_sync.bootstrap import connect_tracing, process_name  # noqa: PLC0415 - it is slow.

    settings, order_id = load_current(), options.order_id
    command = Command(kind, order_id, body, options.key)
    try:
        _require_acceptable(command, settings.max_command_bytes)
    except click.ClickException as error:
        if options.as_json:
            print_json(_as_object(kind, options.account, order_id, None, error.message))
        raise
    row: Mapping[str, Any] | None = None
    with open_ledger() as ledger:
        account = account_of(ledger, settings, order_id, options.account)
        require_configured(settings, account)
        intake = Intake(
            ledger=ledger,
            clock=lambda: datetime.now(UTC),
            new_id=lambda: uuid.uuid4().hex,
            dispatch=dispatcher(settings),
            max_bytes=settings.max_command_bytes,
            tracing=connect_tracing(process_name()),
        )
        accepted = accept(command, account=account, source="cli", intake=intake)
        intake.tracing.close()
        did = f"{kind} {accepted.command_id}"
        ledger.inquiries.log_act(act_now(None), did=did, account=account, order_id=order_id)
        if not options.as_json and accepted.refusal is None:
            _print_accepted(kind, account, order_id, accepted)
        if options.patience is not None and accepted.refusal is None:
            row = _wait(ledger, accepted.command_id, options.patience)
    if options.as_json:
        told = _as_object(kind, account, order_id, accepted, accepted.refusal)
        print_json(told if row is None else told | {name: row.get(name) for name in _OUTCOME})
    if accepted.refusal is not None:
        raise click.ClickException(
            f"Refused: {accepted.refusal}. Kept as: orders-sync parked show {accepted.command_id}"
        )
    if row is not None:
        _print_end(accepted.command_id, row, is_quiet=options.as_json)


def _wait(ledger: Ledger, command_id: str, patience: timedelta) -> Mapping[str, Any]:
    row = asyncio.run(Outcomes(ledger).wait(command_id, seconds=patience.total_seconds()))
    return dict.fromkeys(_OUTCOME) if row is None else row


def _require_acceptable(command: Command, max_bytes: int) -> None:
    """Refuse what is wrong while the person looks on, so that it need not be kept for anybody.

    Raises:
        click.ClickException: something is wrong; the message names the field.
    """
    try:
        check(command, max_bytes=max_bytes)
    except NotAcceptedError as error:
        raise click.ClickException(f"Refused, and nothing was kept: {error}.") from error


def _as_object(
    kind: str,
    account: str | None,
    order_id: str,
    accepted: Accepted | None,
    refusal: str | None,
) -> dict[str, Any]:
    return {
        "command_id": accepted.command_id if accepted else None,
        "kind": kind,
        "account": account,
        "order_id": order_id,
        "is_new": accepted.is_new if accepted else False,
        "refusal": refusal,
    }


def _print_accepted(kind: str, account: str, order_id: str, accepted: Accepted) -> None:
    how = "is accepted" if accepted.is_new else "was accepted before"
    echo(f"The {noun_of(kind)} of order {order_id} {how}: command {accepted.command_id}")
    echo(f"See how far it is: {order_command('orders show', order_id, account)}")


def _print_end(command_id: str, row: Mapping[str, Any], *, is_quiet: bool) -> None:
    """Print what became of a command.

    Raises:
        click.ClickException: VTEX was not told; the message says why.
    """
    standing, why = row["standing"], row["reason"] or row["cause"] or "no reason is known"
    if standing == Standing.DONE:
        if not is_quiet:
            receipt = f" Receipt: {row['receipt']}." if row["receipt"] else ""
            echo(f"Done: VTEX has it.{receipt}")
        return
    if standing in OPEN:
        raise click.ClickException(
            f"Not done yet, and it goes on: {row['reason'] or 'it is on its queue'}. "
            f"See: orders-sync commands show {command_id}"
        )
    word = "Refused" if row["outcome"] == "refused" else "Given up"
    word = "Parked" if standing == Standing.PARKED and row["outcome"] != "refused" else word
    raise click.ClickException(f"{word}: {why} See: orders-sync commands show {command_id}")
