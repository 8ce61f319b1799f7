"""What `invoice`, `track`, `cancel`, `change`, `deny` and `note` share: they ask for a command."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Final, TypeVar

import click

from orders_sync.backoffice.accounts import account_of, require_configured
from orders_sync.backoffice.waiting import Outcomes
from orders_sync.cli.output import as_json, echo, print_json
from orders_sync.cli.parameters import DURATION, ORDER_ID, account_of_order
from orders_sync.cli.workplace import act_now, dispatcher, load_current, open_ledger
from orders_sync.commands import noun_of
from orders_sync.commands.acceptance import NotAcceptedError, check
from orders_sync.domain.commands import Command
from orders_sync.domain.rules import OPEN, Standing
from orders_sync.ledger import Ledger
from orders_sync.outbound.accept import Accepted, Intake, accept
from orders_sync.settings import load_settings
from orders_sync.terminal import order_command

F = TypeVar("F", bound=Callable[..., Any])

#: As many times the largest body that is accepted may be read, since JSON has blanks.
_BLANKS: Final = 4


class BoundedFile(click.ParamType[bytes]):
    """A file's bytes, or those of standard input; neither may be larger than a body could be."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Read the file, unless it is of a kind that may have no end."""
        if isinstance(value, bytes):
            return value
        most: int = load_settings().max_command_bytes * _BLANKS
        if value == "-":
            text = sys.stdin.buffer.read(most + 1)
        else:
            try:
                # A pipe that nobody writes to is opened at once, and refused.
                with open(value, "rb", opener=_open_at_once) as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        self.fail(f"{value} is no regular file; give - and pipe it in", param, ctx)
                    text = file.read(most + 1)
            except OSError as error:
                self.fail(f"{value}: {error.strerror}", param, ctx)
        if len(text) > most:
            self.fail(f"it has more than {most} bytes, which no command has", param, ctx)
        return text


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


json_file = click.option(
    "--file",
    "file",
    type=BoundedFile(),
    metavar="JSON|-",
    help="A file with a JSON object of fields (-: standard input); options come on top of it.",
)


#: What `--json` adds with `--wait`.
_OUTCOME: Final = ("standing", "outcome", "cause", "reason", "receipt")


def about_order(function: F) -> F:
    """Add what every command takes: the order, --account, --key, --wait and --json.

    The function is given `patience`, how long to wait for the outcome, or None.
    """

    @wraps(function)
    def run(*, wait: bool, timeout: timedelta, **given: Any) -> None:
        function(patience=timeout if wait else None, **given)

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


def ask(
    kind: str,
    order_id: str,
    body: Any,
    *,
    account: str | None,
    key: str | None,
    as_json: bool,
    patience: timedelta | None,
) -> None:
    """Have a command kept and dispatched, and say which it is; with `patience`, what became of it.

    Raises:
        click.ClickException: it was refused, or parked, or is not at its end; the message says why.
    """
    from orders_sync.bootstrap import connect_tracing, process_name  # noqa: PLC0415 - it is slow.

    settings = load_current()
    command = Command(kind, order_id, body, key)
    try:
        require_acceptable(command, settings.max_command_bytes)
    except click.ClickException as error:
        if as_json:
            refused = _as_object(kind, account, order_id, None, error.message)
            print_json(refused)
        raise
    row: Mapping[str, Any] | None = None
    with open_ledger() as ledger:
        account = account_of(ledger, settings, order_id, account)
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
        if not as_json and accepted.refusal is None:
            _say_accepted(kind, account, order_id, accepted)
        if patience is not None and accepted.refusal is None:
            row = _wait(ledger, accepted.command_id, patience)
    if as_json:
        told = _as_object(kind, account, order_id, accepted, accepted.refusal)
        print_json(told if row is None else told | {name: row.get(name) for name in _OUTCOME})
    if accepted.refusal is not None:
        raise click.ClickException(
            f"Refused: {accepted.refusal}. Kept as: orders-sync parked show {accepted.command_id}"
        )
    if row is not None:
        _report_end(accepted.command_id, row, is_quiet=as_json)


def _wait(ledger: Ledger, command_id: str, patience: timedelta) -> Mapping[str, Any]:
    row = asyncio.run(Outcomes(ledger).wait(command_id, seconds=patience.total_seconds()))
    return dict.fromkeys(_OUTCOME) if row is None else row


def require_acceptable(command: Command, max_bytes: int) -> None:
    """Refuse what is wrong while the person looks on, so that it need not be kept for anybody.

    Raises:
        click.ClickException: something is wrong; the message names the field.
    """
    try:
        check(command, max_bytes=max_bytes)
    except NotAcceptedError as error:
        raise click.ClickException(f"Refused, and nothing was kept: {error}.") from error


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        click.ClickException: there is none in it.
    """
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise click.ClickException(f"--file is not JSON: {error.msg} at {where}.") from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException("--file is not JSON in UTF-8 that can be read.") from error
    if not isinstance(value, dict):
        raise click.ClickException(
            f"--file must be a JSON object with the fields, and is a {type(value).__name__}."
        )
    return value


def with_options(file: bytes | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Put the options that were given on top of the file's fields."""
    # A flag that was not set is no option that was given.
    given = {n: value for n, value in options.items() if value is not None and value is not False}
    return {**({} if file is None else read_object(file)), **given}


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


def _say_accepted(kind: str, account: str, order_id: str, accepted: Accepted) -> None:
    how = "is accepted" if accepted.is_new else "was accepted before"
    echo(f"The {noun_of(kind)} of order {order_id} {how}: command {accepted.command_id}")
    echo(f"See how far it is: {order_command('orders show', order_id, account)}")


def _report_end(command_id: str, row: Mapping[str, Any], *, is_quiet: bool) -> None:
    """Say what became of a command.

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
