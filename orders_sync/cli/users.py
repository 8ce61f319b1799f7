"""`orders-sync users`: who may use the order desk, and with which rights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from orders_sync.cli.output import as_json, echo, print_json, print_rows
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.cli.tokens import refusal
from orders_sync.cli.workplace import act_now, load_current, open_ledger
from orders_sync.gateway.grants import GrantRefused, Passwords, new_password, require_strong
from orders_sync.gateway.grants import create_user as create
from orders_sync.gateway.rights import Role
from orders_sync.ledger import Ledger
from orders_sync.ledger.access import User
from orders_sync.ledger.journal import Act

_COLUMNS = ("name", "role", "accounts", "sees_persons", "created_at", "state")

_from_stdin = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the password from standard input; one is made and shown once if left out.",
)


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
            password, user = create(
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
            raise refusal(error) from None
    _show_password(user.name, password, is_made=not from_stdin, as_json=as_json, more=_told(user))


@users.command("list")
@as_json
def list_users(*, as_json: bool) -> None:
    """List who may use the order desk, the disabled too.

    --json: {users: [{name, role, accounts, sees_persons, created_at, state}]}.
    """
    with open_ledger() as ledger:
        told = [_told(user) for user in ledger.users.all()]
    if as_json:
        print_json({"users": told})
        return
    rows = [{**row, "accounts": " ".join(row["accounts"] or ["all"])} for row in told]
    print_rows(rows, _COLUMNS, empty="No users. Make one: orders-sync users create --help")


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
    _report(name, f"{name} is shut out, and all sessions are ended.", as_json=as_json)


@users.command("enable")
@click.argument("name")
@as_json
def enable_user(*, name: str, as_json: bool) -> None:
    """Let somebody in again.

    --json: {name}.
    """
    _change(name, lambda ledger, act: ledger.users.enable(name, act))
    _report(name, f"{name} may come in again.", as_json=as_json)


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


def _report(name: str, says: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name})
    else:
        echo(says)


def _told(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "accounts": None if user.accounts is None else sorted(user.accounts),
        "sees_persons": user.sees_persons,
        "created_at": user.created_at,
        "state": "disabled" if user.disabled_at else "in force",
    }
