"""`orders-sync tokens`: who may call the HTTP API, and for what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from orders_sync.cli.output import as_json, echo, print_json, print_rows
from orders_sync.cli.parameters import ACCOUNT, DURATION
from orders_sync.cli.workplace import act_now, load_current, open_ledger
from orders_sync.gateway.grants import GrantRefused
from orders_sync.gateway.grants import create_token as create
from orders_sync.gateway.rights import SCOPES
from orders_sync.ledger.access import Caller

_COLUMNS = ("name", "id", "scopes", "accounts", "expires_at", "used_at", "state")


@click.group()
def tokens() -> None:
    """Make tokens for the HTTP API, list and revoke them."""


@tokens.command("create")
@click.option("--name", required=True, help="Who will call, as `warehouse`.")
@click.option(
    "--account", "accounts", type=ACCOUNT, multiple=True, help="Only for this account; repeatable."
)
@click.option("--all-accounts", is_flag=True, help="For every account, those to come too.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(list(SCOPES)),
    multiple=True,
    required=True,
    help="What it may do; repeatable. Send kinds one by one, as send:invoice, or all with send.",
)
@click.option("--expires", type=DURATION, help="In force for so long: 30d; for ever if left out.")
@as_json
def create_token(
    *,
    name: str,
    accounts: tuple[str, ...],
    all_accounts: bool,
    scopes: tuple[str, ...],
    expires: timedelta | None,
    as_json: bool,
) -> None:
    """Make a token, which is shown once and kept as a digest only.

    --json: {token, name, id, scopes, accounts, expires_at}.
    """
    if bool(accounts) == all_accounts:
        raise click.UsageError("Name each --account that it is for, or say --all-accounts.")
    act = act_now(None)
    with open_ledger() as ledger:
        try:
            token, caller = create(
                ledger,
                load_current(),
                name=name,
                scopes=scopes,
                accounts=None if all_accounts else accounts,
                lasts=expires,
                act=act,
            )
        except GrantRefused as error:
            raise refusal(error) from None
    if as_json:
        print_json({"token": token, **_told(caller, act.at)})
        return
    echo(token)
    echo("It is not shown again. Send it as: Authorization: Bearer TOKEN", err=True)


@tokens.command("list")
@as_json
def list_tokens(*, as_json: bool) -> None:
    """List all tokens, revoked ones too; used_at is to the minute.

    --json: {tokens: [{name, id, scopes, accounts, created_at, expires_at, used_at, state}]}.
    """
    now = datetime.now(UTC)
    with open_ledger() as ledger:
        told = [_told(caller, now) for caller in ledger.callers.all()]
    if as_json:
        print_json({"tokens": told})
        return
    rows = [
        {**row, "scopes": " ".join(row["scopes"]), "accounts": " ".join(row["accounts"] or ["all"])}
        for row in told
    ]
    print_rows(rows, _COLUMNS, empty="No tokens. Make one: orders-sync tokens create --help")


@tokens.command("revoke")
@click.argument("name")
@as_json
def revoke_token(*, name: str, as_json: bool) -> None:
    """End a token at once, for good.

    --json: {name}.
    """
    with open_ledger() as ledger:
        if not ledger.callers.revoke(name, act_now(None)):
            raise click.ClickException(
                f"No token of the name {name} is in force. See: orders-sync tokens list"
            )
    if as_json:
        print_json({"name": name})
    else:
        echo(f"Token {name} is revoked.")


def refusal(error: GrantRefused) -> click.ClickException:
    """Return what a command ends with where a token, or a person, cannot be."""
    kind = click.ClickException if error.wrong in {"taken", "unknown"} else click.UsageError
    return kind(str(error))


def _told(caller: Caller, now: datetime) -> dict[str, Any]:
    state = "in force"
    if not caller.is_valid(now):
        state = "revoked" if caller.revoked_at else "expired"
    return {
        "name": caller.name,
        "id": caller.id,
        "scopes": sorted(caller.scopes),
        "accounts": None if caller.accounts is None else sorted(caller.accounts),
        "created_at": caller.created_at,
        "expires_at": caller.expires_at,
        "used_at": caller.used_at,
        "state": state,
    }
