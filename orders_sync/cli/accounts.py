"""`orders-sync accounts`: accounts that come and go while everything runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from orders_sync.cli.account_secrets import ask_secret, encrypt_anew, give_tokens, make_key
from orders_sync.cli.context import act_now, kept_account, open_ledger, require_account
from orders_sync.cli.output import as_json, echo, print_json, print_outcome, print_rows
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.encryption import Cipher
from orders_sync.errors import AuthFailed, OrdersSyncError
from orders_sync.ledger import Ledger
from orders_sync.ledger.account_settings import KeptAccount
from orders_sync.roster import (
    SECRETS,
    Roster,
    WrongAccount,
    open_account,
    read_account,
    seal_account,
)
from orders_sync.settings import Settings, load_settings

if TYPE_CHECKING:
    from orders_sync.settings_parts import AccountSettings

F = TypeVar("F", bound=Callable[..., Any])

#: VTEX's names of accounts; a name is part of an address.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_COLUMNS: Final = ("account", "kept_in", "state", "erp", "requests_per_minute", "base_url")
_SOON: Final = "Every process follows within 10 seconds."

_from_file = click.option(
    "--from",
    "source",
    type=click.File(encoding="utf-8"),
    help="JSON with the names of the settings of an account; - is standard input.",
)


def _given(command: F) -> F:
    """Add the options for what may be given of an account: nothing that is secret."""
    options = (
        _from_file,
        click.option("--erp", help="The ERP's adapter, as `staging`."),
        click.option("--erp-mapping", help="The file that says what VTEX's names are in the ERP."),
        click.option("--base-url", help="VTEX's address, where it is not the account's own."),
        click.option("--requests-per-minute", type=int, help="Calls to VTEX."),
        click.option("--erp-calls-at-once", type=int, help="Calls to the ERP."),
        click.option("--retention-days", type=int, help="Orders are kept so long; 0: for ever."),
        click.option(
            "--feed-status", "statuses", multiple=True, help="What the feed tells of; repeatable."
        ),
        click.option("--no-check", is_flag=True, help="Ask neither VTEX nor the ERP first."),
        as_json,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def accounts() -> None:
    """Add accounts to the ledger, change and disable them; nothing has to be restarted.

    Those of the settings (ORDERS_SYNC_ACCOUNTS__*) stay as they are set; of them, too, the work
    waits while they are disabled.
    """


accounts.add_command(give_tokens)
accounts.add_command(encrypt_anew)
accounts.add_command(make_key)


@accounts.command("add")
@click.argument("name")
@_given
def add_account(*, name: str, source: TextIO | None, as_json: bool, **given: Any) -> None:
    """Add an account, and begin its work.

    Its key and token are asked for, or read from two lines of standard input, unless --from has
    them. In place of a secret, file:/path or env:NAME say where each process finds it. What else
    is one is kept encrypted, with ORDERS_SYNC_SECRETS_KEY.

    --json: what `accounts show` gives.
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError("NAME is a VTEX account's: small letters, digits and hyphens.")
    values = _values(source, given)
    settings = load_settings()
    cipher = Cipher(settings.secrets_key)
    for field, label in (("app_key", "App key"), ("app_token", "App token")):
        if field not in values:
            values[field] = ask_secret(label)
    _check(name, values, settings, with_calls=not given["no_check"])
    with open_ledger() as ledger:
        before = ledger.kept_accounts.find(name)
        if before is not None and before.settings is not None:
            raise click.ClickException(
                f"{name} is there already. Change it: orders-sync accounts set {name}"
            )
        _keep(ledger, name, values, cipher, before, did="add")
        shown = _shown(ledger, settings)[name]
    if name in settings.accounts:
        echo("The settings have it too, and theirs are in force until they do not.", err=True)
    print_outcome(shown, f"{name} is added. {_SOON}", as_json=as_json)


@accounts.command("set")
@click.argument("name", type=ACCOUNT)
@_given
def set_account(*, name: str, source: TextIO | None, as_json: bool, **given: Any) -> None:
    """Change what is given of an account of the ledger; null in --from sets its default.

    --json: what `accounts show` gives.
    """
    changes = _values(source, given)
    if not changes:
        raise click.UsageError("Give what shall change, such as --erp or --from FILE.")
    _change(name, changes, "set", with_calls=not given["no_check"], as_json=as_json)


@accounts.command("rotate")
@click.argument("name", type=ACCOUNT)
@_from_file
@click.option("--no-check", is_flag=True, help="Do not ask VTEX first.")
@as_json
def rotate_key(*, name: str, source: TextIO | None, no_check: bool, as_json: bool) -> None:
    """Give an account of the ledger another key and token; no work is lost, and no try.

    They are asked for, or read from two lines of standard input, unless --from has app_key and
    app_token. VTEX takes the old ones until they are revoked there, so revoke them last.

    --json: what `accounts show` gives.
    """
    changes = _values(source, {})
    if source is None:
        changes = {"app_key": ask_secret("New app key"), "app_token": ask_secret("New app token")}
    if not changes or not changes.keys() <= set(SECRETS):
        raise click.UsageError(f"--from has of {', '.join(SECRETS)} those that change.")
    _change(name, changes, "rotate", with_calls=not no_check, as_json=as_json)


@accounts.command("disable")
@click.argument("name", type=ACCOUNT)
@click.option("--why", help="Kept in the operator's log.")
@as_json
def disable_account(*, name: str, why: str | None, as_json: bool) -> None:
    """Have an account's work wait: nobody calls its VTEX or its ERP for it.

    What it has stays, and what is asked for is accepted, and waits too. Its feed keeps its events.

    --json: what `accounts show` gives.
    """
    settings = load_settings()
    with open_ledger() as ledger:
        require_account(ledger, settings, name)
        if not ledger.kept_accounts.disable(name, act_now(why)):
            raise click.ClickException(f"{name} is disabled already.")
        shown = _shown(ledger, settings)[name]
    print_outcome(shown, f"{name} is disabled. {_SOON}", as_json=as_json)


@accounts.command("enable")
@click.argument("name", type=ACCOUNT)
@as_json
def enable_account(*, name: str, as_json: bool) -> None:
    """Have the work of an account go on.

    --json: what `accounts show` gives.
    """
    settings = load_settings()
    with open_ledger() as ledger:
        require_account(ledger, settings, name)
        if not ledger.kept_accounts.enable(name, act_now(None)):
            own = settings.accounts.get(name)
            by_settings = own is not None and not own.enabled
            raise click.ClickException(
                f"ORDERS_SYNC_ACCOUNTS__{name.upper()}__ENABLED says no; take it out."
                if by_settings
                else f"{name} is enabled already."
            )
        shown = _shown(ledger, settings)[name]
    print_outcome(shown, f"{name} is enabled. {_SOON}", as_json=as_json)


@accounts.command("remove")
@click.argument("name", type=ACCOUNT)
@as_json
def remove_account(*, name: str, as_json: bool) -> None:
    """Forget an account of the ledger and its secrets; its orders stay.

    Only one that has no work left: disable it, where it has.

    --json: {account}.
    """
    settings = load_settings()
    with open_ledger() as ledger:
        kept_account(ledger, settings, name)
        if not ledger.kept_accounts.remove(name, act_now(None)):
            raise click.ClickException(
                f"{name} has work that is not at its end: orders-sync parked list --account {name} "
                f"and orders-sync orders list --account {name}. It may be disabled all the same: "
                f"orders-sync accounts disable {name}"
            )
    print_outcome({"account": name}, f"{name} is removed. {_SOON}", as_json=as_json)


@accounts.command("list")
@as_json
def list_accounts(*, as_json: bool) -> None:
    """List all accounts: of the settings, and of the ledger.

    --json: {accounts: [what `accounts show` gives]}.
    """
    settings = load_settings()
    with open_ledger() as ledger:
        rows = list(_shown(ledger, settings).values())
    if as_json:
        print_json({"accounts": rows})
        return
    print_rows(rows, _COLUMNS, empty="No accounts. Add one: orders-sync accounts add --help")


@accounts.command("show")
@click.argument("name", type=ACCOUNT)
@as_json
def show_account(*, name: str, as_json: bool) -> None:
    """Show one account, without its secrets.

    --json: {account, kept_in, state, erp, requests_per_minute, erp_calls_at_once, base_url,
    has_hook_secret, feed_statuses, retention_days, disabled_at, trouble}; kept_in is settings or
    ledger, state is enabled, disabled or unusable, and trouble says why. What the settings have and
    the ledger too has also_in_ledger.
    """
    settings = load_settings()
    with open_ledger() as ledger:
        require_account(ledger, settings, name)
        shown = _shown(ledger, settings)[name]
    if as_json:
        print_json(shown)
        return
    for field, value in shown.items():
        echo(f"{field:22} {'' if value is None else value}")


def _values(source: TextIO | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given of an account, by the names of its settings."""
    values: dict[str, Any] = {}
    if source is not None:
        try:
            values = json.loads(source.read())
        except ValueError:
            raise click.UsageError("--from is not JSON in UTF-8.") from None
        if not isinstance(values, dict) or not isinstance(values.get("erp_options") or {}, dict):
            raise click.UsageError('--from is no object, such as {"app_key": "...", ...}.')
    values |= {
        name: value
        for name, value in given.items()
        if value is not None and name not in {"no_check", "statuses"}
    }
    if given.get("statuses"):
        values["feed"] = {"statuses": list(given["statuses"])}
    if "enabled" in values:
        raise click.UsageError("enabled is told by `accounts disable` and `accounts enable`.")
    return values


def _change(
    name: str, changes: Mapping[str, Any], did: str, *, with_calls: bool, as_json: bool
) -> None:
    settings = load_settings()
    cipher = Cipher(settings.secrets_key)
    with open_ledger() as ledger:
        before = kept_account(ledger, settings, name)
        try:
            known = open_account(before, cipher)
        except WrongAccount:
            # What cannot be read may be given anew, as a whole.
            known = {}
        values = {k: v for k, v in {**known, **changes}.items() if v is not None}
        _check(name, values, settings, with_calls=with_calls)
        _keep(ledger, name, values, cipher, before, did=did)
        shown = _shown(ledger, settings)[name]
    print_outcome(shown, f"{name} is changed. {_SOON}", as_json=as_json)


def _keep(
    ledger: Ledger,
    name: str,
    values: Mapping[str, Any],
    cipher: Cipher,
    before: KeptAccount | None,
    *,
    did: str,
) -> None:
    sealed = seal_account(name, values, cipher, revision=before.revision if before else 0)
    if not ledger.kept_accounts.keep(sealed, act_now(None), did):
        raise click.ClickException(f"Somebody else changed {name} meanwhile. Say it again.")


def _check(name: str, values: Mapping[str, Any], settings: Settings, *, with_calls: bool) -> None:
    """Refuse an account whose settings are wrong, or, `with_calls`, whose VTEX or ERP is away."""
    try:
        account = read_account(values)
    except WrongAccount as error:
        raise click.ClickException(f"{name}: {error}.") from None
    if with_calls:
        _check_reachable(name, account, settings)


def _check_reachable(name: str, account: AccountSettings, settings: Settings) -> None:
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.
    from orders_sync.doctor.erp import examine_erp  # noqa: PLC0415
    from orders_sync.doctor.findings import State  # noqa: PLC0415

    alone = settings.model_copy(update={"accounts": {name: account}})
    services = build(alone)
    anyway = "Or keep it all the same, with --no-check."
    try:
        services.vtex(name).get_feed_configuration()
    except AuthFailed:
        raise click.ClickException(
            f"VTEX does not accept the key and token of {name}, or they may not read its feed. "
            f"See License Manager. {anyway}"
        ) from None
    except OrdersSyncError as error:
        raise click.ClickException(f"VTEX could not be asked: {error} {anyway}") from None
    finally:
        services.close()
    for finding in examine_erp(name, alone):
        if finding.state in {State.FAILED, State.UNCONFIGURED}:
            raise click.ClickException(f"ERP: {finding.says} {finding.do} {anyway}")


def _shown(ledger: Ledger, settings: Settings) -> dict[str, dict[str, Any]]:
    """Return all accounts as they are shown, in the order of their names."""
    kept = {row.account: row for row in ledger.kept_accounts.changed_since(0)}
    roster = Roster(settings, ledger.kept_accounts, is_logged=False)
    now, troubles = roster.settings, roster.troubles
    shown = {}
    for name in sorted({*now.accounts, *troubles}):
        account, row = now.accounts.get(name), kept.get(name)
        plain = json.loads(row.settings or "{}") if row else {}
        is_enabled = account is not None and account.enabled
        shown[name] = {
            "account": name,
            "kept_in": "settings" if name in settings.accounts else "ledger",
            "also_in_ledger": name in settings.accounts and bool(plain),
            "state": "unusable" if account is None else "enabled" if is_enabled else "disabled",
            "erp": account.erp if account else plain.get("erp"),
            "requests_per_minute": account.requests_per_minute if account else None,
            "erp_calls_at_once": account.erp_calls_at_once if account else None,
            "base_url": account.address(name) if account else plain.get("base_url"),
            "has_hook_secret": account is not None and account.hook_secret is not None,
            "feed_statuses": list(now.feed_of(name).statuses) if account else None,
            "retention_days": _days(now, name) if account else None,
            "disabled_at": row.disabled_at if row else None,
            "trouble": troubles.get(name),
        }
    return shown


def _days(settings: Settings, name: str) -> int | None:
    retention = settings.retention_of(name)
    return None if retention is None else retention.days
