"""`orders-sync tokens` and `users`: who may call the HTTP API, and who may use the order desk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from orders_sync.cli.context import act_now, load_current, open_ledger
from orders_sync.cli.output import as_json, echo, print_json, print_outcome, print_rows
from orders_sync.cli.parameters import ACCOUNT, DURATION
from orders_sync.gateway import grants
from orders_sync.gateway.grants import GrantRefused, Passwords, new_password, require_strong
from orders_sync.gateway.rights import SCOPES, Role
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import Caller, User
from orders_sync.ledger.journal import Act

_TOKEN_COLUMNS: Final = ("name", "id", "scopes", "accounts", "expires_at", "used_at", "state")
_USER_COLUMNS: Final = ("name", "role", "accounts", "sees_persons", "created_at", "state")

_from_stdin = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the password from standard input; one is made and shown once if left out.",
)


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
            token, caller = grants.create_token(
                ledger,
                load_current(),
                name=name,
                scopes=scopes,
                accounts=None if all_accounts else accounts,
                lasts=expires,
                act=act,
            )
        except GrantRefused as error:
            raise _refusal(error) from None
    if as_json:
        print_json({"token": token, **_token_row(caller, act.at)})
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
        listed = [_token_row(caller, now) for caller in ledger.callers.all()]
    if as_json:
        print_json({"tokens": listed})
        return
    rows = [
        {**row, "scopes": " ".join(row["scopes"]), "accounts": " ".join(row["accounts"] or ["all"])}
        for row in listed
    ]
    print_rows(rows, _TOKEN_COLUMNS, empty="No tokens. Make one: orders-sync tokens create --help")


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
    print_outcome({"name": name}, f"Token {name} is revoked.", as_json=as_json)


@click.group()
def users() -> None:
    """Say who may use the order desk."""


@users.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="viewer looks; operator retries, edits and discards too; admin shuts people out too.",
)
@click.option(
    "--account", "accounts", type=ACCOUNT, multiple=True, help="Only this account; repeatable."
)
@click.option("--all-accounts", is_flag=True, help="Every account, those to come too.")
@click.option("--persons", is_flag=True, help="May see names, documents and addresses.")
@_from_stdin
@as_json
def create_user(
    *,
    name: str,
    role: str,
    accounts: tuple[str, ...],
    all_accounts: bool,
    persons: bool,
    from_stdin: bool,
    as_json: bool,
) -> None:
    """Let somebody use the order desk.

    --json: {name, role, accounts, sees_persons, password}; the password only where it was made.
    """
    if bool(accounts) == all_accounts:
        raise click.UsageError("Name each --account that it may see, or say --all-accounts.")
    given = _password(name, from_stdin=True) if from_stdin else None
    with open_ledger() as ledger:
        try:
            password, user = grants.create_user(
                ledger,
                load_current(),
                Passwords(),
                name=name,
                role=role,
                accounts=None if all_accounts else accounts,
                sees_persons=persons,
                password=given,
                act=act_now(None),
            )
        except GrantRefused as error:
            raise _refusal(error) from None
    _show_password(
        user.name, password, is_made=not from_stdin, as_json=as_json, more=_user_row(user)
    )


@users.command("list")
@as_json
def list_users(*, as_json: bool) -> None:
    """List who may use the order desk, the disabled too.

    --json: {users: [{name, role, accounts, sees_persons, created_at, state}]}.
    """
    with open_ledger() as ledger:
        listed = [_user_row(user) for user in ledger.users.all()]
    if as_json:
        print_json({"users": listed})
        return
    rows = [{**row, "accounts": " ".join(row["accounts"] or ["all"])} for row in listed]
    print_rows(rows, _USER_COLUMNS, empty="No users. Make one: orders-sync users create --help")


@users.command("passwd")
@click.argument("name")
@_from_stdin
@as_json
def change_password(*, name: str, from_stdin: bool, as_json: bool) -> None:
    """Give somebody another password, and end all their sessions.

    --json: {name, password}; the password only where it was made.
    """
    password = _password(name, from_stdin=from_stdin)
    hashed = Passwords().hash(password)
    _change(name, lambda ledger, act: ledger.users.set_password(name, hashed, act))
    _show_password(name, password, is_made=not from_stdin, as_json=as_json, more={"name": name})


@users.command("disable")
@click.argument("name")
@as_json
def disable_user(*, name: str, as_json: bool) -> None:
    """Shut somebody out at once.

    --json: {name}.
    """
    _change(name, lambda ledger, act: ledger.users.disable(name, act))
    says = f"{name} is shut out, and all sessions are ended."
    print_outcome({"name": name}, says, as_json=as_json)


@users.command("enable")
@click.argument("name")
@as_json
def enable_user(*, name: str, as_json: bool) -> None:
    """Let somebody in again.

    --json: {name}.
    """
    _change(name, lambda ledger, act: ledger.users.enable(name, act))
    print_outcome({"name": name}, f"{name} may come in again.", as_json=as_json)


def _refusal(error: GrantRefused) -> click.ClickException:
    """Return what a command ends with where a token, or a person, cannot be."""
    kind = click.ClickException if error.wrong in {"taken", "unknown"} else click.UsageError
    return kind(str(error))


def _change(name: str, change: Callable[[Ledger, Act], bool]) -> None:
    with open_ledger() as ledger:
        if not change(ledger, act_now(None)):
            raise click.ClickException(f"There is no user {name}. See: orders-sync users list")


def _password(name: str, *, from_stdin: bool) -> str:
    if not from_stdin:
        return new_password()
    return require_strong(sys.stdin.readline().rstrip("\n"), name)


def _show_password(
    name: str, password: str, *, is_made: bool, as_json: bool, more: dict[str, Any]
) -> None:
    if as_json:
        print_json({**more, **({"password": password} if is_made else {})})
    elif is_made:
        echo(password)
        echo(f"It is the password of {name}, and is not shown again.", err=True)
    else:
        echo(f"{name} has the password that was read.")


def _token_row(caller: Caller, now: datetime) -> dict[str, Any]:
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


def _user_row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "accounts": None if user.accounts is None else sorted(user.accounts),
        "sees_persons": user.sees_persons,
        "created_at": user.created_at,
        "state": "disabled" if user.disabled_at else "in force",
    }
