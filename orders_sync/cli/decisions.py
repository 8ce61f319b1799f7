"""`orders-sync parked retry`, `edit` and `discard`: what people decide about what is parked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

from orders_sync.backoffice.accounts import require_known
from orders_sync.backoffice.parked import (
    DecisionResult,
    Parked,
    ReturnRoute,
    decide_each,
    discard,
    named,
    parked_for,
    retry,
)
from orders_sync.cli import FAILED
from orders_sync.cli.context import act_now, dispatcher, load_current, open_ledger
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.cli.parameters import ACCOUNT, CAUSE, ORDER_ID, json_file, read_object
from orders_sync.domain.steps import Dispatch
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act
from orders_sync.outbound import decide
from orders_sync.settings import load_settings

F = TypeVar("F", bound=Callable[..., Any])

#: Carries one decision out, and returns what to dispatch.
_Decide = Callable[[Ledger, Parked, Act], Sequence[Dispatch]]

_CHOICE = (
    click.argument("ids", nargs=-1, type=ORDER_ID, metavar="[ORDER|COMMAND|STRAY]..."),
    click.option("--account", type=ACCOUNT, help="The account of the orders."),
    click.option("--cause", type=CAUSE, help="What is parked for this cause; takes --all."),
    click.option("--all", "is_all", is_flag=True, help="Everything that has the --cause."),
    click.option("--yes", is_flag=True, help="Do not ask whether --all is meant."),
    click.option("--dry-run", is_flag=True, help="Only say what would be done."),
    as_json,
)


def _choice(function: F) -> F:
    for decorate in reversed(_CHOICE):
        function = decorate(function)
    return function


@click.command("retry")
@_choice
@click.option("--reason", "--why", "why", help="Kept in the operator's log.")
def retry_parked(**choice: Any) -> None:
    """Go on with parked orders and commands from what VTEX says now.

    A stray message is put back on its queue, for a worker that knows its task by now.

    --json: {done, refused, dry_run}; each of done is {account, order_id, command_id, kind,
    stray_id}, each of refused has its `why` too.
    """
    _decide_all("retry", partial(retry, put_back=ReturnRoute(load_settings())), **choice)


@click.command("discard")
@_choice
@click.option(
    "--reason",
    "--why",
    "why",
    required=True,
    help="Told to the ERP for a command, and kept in the operator's log.",
)
def discard_parked(**choice: Any) -> None:
    """Give parked orders and commands up.

    A command's ERP is told that it was refused. An order is void: nobody hands it over, its
    events leave the feed, and only a new event takes it up again. What the ERP has of it stays
    there. Of an order whose ERP did not take a change, only that change is given up: it counts
    as settled, and the order goes on. A stray message's body is erased.

    --json: {done, refused, dry_run}; each of done is {account, order_id, command_id, kind,
    stray_id}, each of refused has its `why` too.
    """
    _decide_all("discard", discard, **choice)


def _decide_all(
    verb: str,
    decide_one: _Decide,
    *,
    ids: tuple[str, ...],
    account: str | None,
    cause: str | None,
    is_all: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    why: str | None,
) -> None:
    _check_choice(ids, cause, is_all=is_all, dry_run=dry_run)
    settings = load_current()
    with open_ledger() as ledger:
        if account is not None:
            require_known(ledger, settings, account)
        if cause is not None:
            chosen = parked_for(ledger, cause, account)
        else:
            chosen = [named(ledger, settings, own, account) for own in dict.fromkeys(ids)]
        if is_all and chosen and not (yes or dry_run):
            question = f"{verb.capitalize()} {len(chosen)} parked for {cause}?"
            click.confirm(question, abort=True, err=True)
        outcome = DecisionResult(chosen, ())
        if chosen and not dry_run:
            act = act_now(why)
            outcome = decide_each(
                chosen, lambda parked: decide_one(ledger, parked, act), dispatcher(settings)
            )
    _report(verb, outcome, cause=cause, dry_run=dry_run, as_json=as_json)
    if outcome.refused:
        sys.exit(FAILED)


def _check_choice(ids: Sequence[str], cause: str | None, *, is_all: bool, dry_run: bool) -> None:
    """Refuse a choice that is none, or that may be larger than was meant.

    Raises:
        click.UsageError: ids and a cause were given, or neither, or a cause without --all.
    """
    if bool(ids) == bool(cause):
        raise click.UsageError("Name orders or commands, or strays, or one --cause.")
    if ids and is_all:
        raise click.UsageError("--all belongs to a --cause.")
    if cause and not (is_all or dry_run):
        raise click.UsageError(f"Say --all to take everything that is parked for {cause}.")


def _report(
    verb: str,
    outcome: DecisionResult,
    *,
    cause: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "done": [parked.as_object() for parked in outcome.done],
                "refused": [{**parked.as_object(), "why": why} for parked, why in outcome.refused],
                "dry_run": dry_run,
            }
        )
        return
    if not (outcome.done or outcome.refused):
        echo(f"Nothing is parked for {cause}.")
    past = {"retry": "Retrying", "discard": "Discarded"}[verb]
    for parked in outcome.done:
        echo(f"Would {verb} {parked}." if dry_run else f"{past} {parked}.")
    for _, why in outcome.refused:
        echo(f"Not done: {why}", err=True)


@click.command("edit")
@click.argument("command_id", metavar="COMMAND", type=ORDER_ID)
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Nothing removes it.")
@json_file
@click.option("--order", "order_id", type=ORDER_ID, help="Its order, if it was never accepted.")
@click.option("--key", help="Its key, if it was never accepted and the key is taken.")
@click.option("--reason", "--why", "why", help="Kept in the operator's log.")
@as_json
def edit_parked(
    *,
    command_id: str,
    fields: tuple[str, ...],
    file: bytes | None,
    order_id: str | None,
    key: str | None,
    why: str | None,
    as_json: bool,
) -> None:
    """Change the body of a parked command, and have it sent.

    --set changes single fields, --file gives the whole body. The command keeps its key, so that
    whoever asked for it finds the answer.

    --json: {command_id, account, order_id}.
    """
    if not (fields or file is not None or order_id or key):
        raise click.UsageError("Say what to change: --set FIELD=VALUE, or --file.")
    settings = load_settings()
    with open_ledger() as ledger:
        body = read_object(file) if file is not None else decide.body_of(command_id, ledger)
        following = decide.edit(
            command_id,
            _with_fields(body, fields) if fields else body,
            order_id=order_id,
            key=key,
            ledger=ledger,
            max_bytes=settings.max_command_bytes,
            act=act_now(why),
        )
        edited = ledger.inquiries.command(command_id) or {}
    dispatcher(settings)(following)
    if as_json:
        names = ("account", "order_id")
        print_json({"command_id": command_id} | {name: edited[name] for name in names})
        return
    echo(f"Command {command_id} is changed and will be sent.")
    echo(f"See how far it is: orders-sync parked show {command_id}")


def _with_fields(body: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Return a body with single fields set; one that is set to nothing is removed."""
    if not isinstance(body, dict):
        raise click.ClickException("Its body is no JSON object: give a whole one with --file.")
    changed = dict(body)
    for assignment in fields:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set {assignment}: write FIELD=VALUE.")
        if text in {"", "null"}:
            changed.pop(name, None)
        else:
            changed[name] = _value_of(name, text)
    return changed


def _value_of(name: str, text: str) -> Any:
    """Return a value as text, which the check reads as the field's type, or as JSON in brackets."""
    if text[0] not in "[{":
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"--set {name}: the value is not JSON.") from error
