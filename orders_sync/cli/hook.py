"""`orders-sync hook`: the hook's configuration at VTEX, which has changes posted to us at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from orders_sync.cli.context import only_one, open_services, targets
from orders_sync.cli.feed import Configured, check_replace, configure_each, describe_filter
from orders_sync.cli.output import as_json, echo, print_json, print_outcome
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.errors import Refused
from orders_sync.ledger.versions import require_current
from orders_sync.terminal import command_line
from orders_sync.upkeep.watch_feed import keep_hook_url, read_hook_url, wanted_hook
from orders_sync.vtex.hook import HookConfiguration

if TYPE_CHECKING:
    from orders_sync.bootstrap import Services

_account = click.option("--account", type=ACCOUNT, help="Only this account's hook.")


@click.group()
def hook() -> None:
    """Look at the hooks of the accounts, and configure them.

    A hook makes orders come in sooner; the feed is read all the same.
    """


@hook.command("show")
@_account
@as_json
def show_hook(*, account: str | None, as_json: bool) -> None:
    """Show each account's hook configuration, how it differs, and when it was heard last.

    --json: a list of {account, configuration, differences, is_ours, heard_at}; configuration is
    VTEX's own JSON with the names of the headers only, or null where there is none.
    """
    shown: list[dict[str, Any]] = []
    with _services() as services:
        heard = services.ledger.hook_log.read()
        for name in targets(services.settings, account):
            current = services.vtex(name).get_hook_configuration()
            ours = read_hook_url(services.ledger, name)
            url = ours or (current.hook.url if current else None)
            has_secret = services.settings.accounts[name].hook_secret is not None
            chosen = wanted_hook(services.settings, name, url) if url and has_secret else None
            body = None if current is None else current.model_dump(mode="json", by_alias=True)
            if body is not None:
                body["hook"]["headers"] = sorted(body["hook"]["headers"] or ())
            shown.append(
                {
                    "account": name,
                    "configuration": body,
                    "differences": current.difference(chosen) if current and chosen else [],
                    "is_ours": ours is not None,
                    "heard_at": heard[name].heard_at if name in heard else None,
                }
            )
    if as_json:
        print_json(shown)
        return
    for row in shown:
        _print_hook(row)


@hook.command("configure")
@click.argument("url")
@_account
@click.option("--replace", is_flag=True, help="Put it in place of another configuration.")
@as_json
def configure_hook(*, url: str, account: str | None, replace: bool, as_json: bool) -> None:
    """Have VTEX post changes to URL, the public https address of `orders-sync serve`.

    /hook/ACCOUNT is added to it. VTEX tries the address before it takes it, so the server must run.
    One key has one hook, so another configuration may be somebody else's: it is left alone, and the
    exit status is 1, unless --replace says otherwise. The secret is ORDERS_SYNC_ACCOUNTS__*'s
    __HOOK_SECRET.

    --json: a list of {account, outcome, differences}; outcome is created, unchanged, replaced
    or refused.
    """
    with _services() as services:
        names = targets(services.settings, account)
        check_replace("hook", names, replace=replace)
        chosen = {
            name: wanted_hook(services.settings, name, f"{url.rstrip('/')}/hook/{name}")
            for name in names
        }
        configure_each(
            "hook",
            names,
            lambda name: _configure(services, name, chosen[name], replace=replace),
            again=command_line("orders-sync", "hook", "configure", url),
            gain="VTEX posts changes",
            as_json=as_json,
        )


@hook.command("remove")
@_account
@click.option("--foreign", is_flag=True, help="Also one that was not configured here.")
@as_json
def remove_hook(*, account: str | None, foreign: bool, as_json: bool) -> None:
    """Have VTEX post nothing any more; the feed goes on.

    --json: {account, outcome}; outcome is removed or absent.
    """
    with _services() as services:
        name = only_one(targets(services.settings, account))
        outcome = _remove(services, name, foreign=foreign)
    done = "there is no hook" if outcome == "absent" else "the hook is removed"
    print_outcome({"account": name, "outcome": outcome}, f"{name}: {done}.", as_json=as_json)


def _configure(
    services: Services, account: str, chosen: HookConfiguration, *, replace: bool
) -> Configured:
    vtex = services.vtex(account)
    current = vtex.get_hook_configuration()
    differences = [] if current is None else current.difference(chosen)
    if differences and not replace:
        return "refused", differences
    if current is None or differences:
        try:
            vtex.set_hook_configuration(chosen)
        except Refused as refused:
            raise click.ClickException(
                f"{account}: {refused} Is orders-sync serve running, and can VTEX reach "
                f"{chosen.hook.url} from the internet?"
            ) from None
    keep_hook_url(services.ledger, account, chosen.hook.url, now=datetime.now(UTC))
    if current is None:
        return "created", []
    return ("replaced" if differences else "unchanged"), differences


def _remove(services: Services, account: str, *, foreign: bool) -> str:
    vtex = services.vtex(account)
    current = vtex.get_hook_configuration()
    is_foreign = current is not None and current.hook.url != read_hook_url(services.ledger, account)
    if current is not None and is_foreign and not foreign:
        raise click.ClickException(
            f"{account}: the hook posts to {current.hook.url}, which was not configured here. To "
            f"remove it all the same: orders-sync hook remove --foreign --account {account}"
        )
    # First, or upkeep may make it again.
    keep_hook_url(services.ledger, account, None, now=datetime.now(UTC))
    services.ledger.hook_log.forget(account)
    if current is None:
        return "absent"
    vtex.delete_hook_configuration()
    return "removed"


@contextmanager
def _services() -> Iterator[Services]:
    with open_services() as services:
        require_current(services.ledger.database)
        yield services


def _print_hook(row: dict[str, Any]) -> None:
    account, current = row["account"], row["configuration"]
    if current is None:
        echo(f"{account}: no hook is configured; the feed tells of everything")
        return
    known = "configured as the settings say" if row["is_ours"] else "not configured here"
    echo(f"{account}: {'; '.join(row['differences']) or known}")
    echo(f"  {describe_filter(current['filter'])}")
    headers = ", ".join(current["hook"]["headers"]) or "none"
    echo(f"  to {current['hook'].get('url')} with the headers: {headers}")
    heard = row["heard_at"]
    echo(f"  heard {f'last at {heard:%Y-%m-%d %H:%M:%S} UTC' if heard else 'never yet'}")
