"""`orders-sync feed`: the feed's configuration at VTEX, and a look at what waits in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from orders_sync.cli.configuring import (
    Configured,
    check_replace,
    configure_each,
    only_one,
    open_services,
)
from orders_sync.cli.feed_options import as_configured, configuration_options
from orders_sync.cli.output import as_json, echo, print_json, print_rows
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.cli.workplace import chosen_accounts
from orders_sync.domain.words import count_of

if TYPE_CHECKING:
    from orders_sync.vtex.client import VtexClient

_LOT = 10
_PEEKED = ("order_id", "domain", "state", "last_state", "current_change", "problem")

_account = click.option("--account", type=ACCOUNT, help="Only this account's feed.")


@click.group()
def feed() -> None:
    """Look at the feeds of the accounts, and configure them."""


@feed.command("show")
@_account
@as_json
def show_feed(*, account: str | None, as_json: bool) -> None:
    """Show each account's feed configuration, and how it differs from the settings.

    --json: a list of {account, configuration, differences}; configuration is VTEX's own JSON, or
    null where there is none.
    """
    shown: list[dict[str, Any]] = []
    with open_services() as services:
        for name in chosen_accounts(services.settings, account):
            found = services.vtex(name).get_feed_configuration()
            wanted = as_configured(services.settings.feed_of(name))
            differences = [] if found is None else found.difference(wanted)
            body = None if found is None else found.model_dump(mode="json", by_alias=True)
            shown.append({"account": name, "configuration": body, "differences": differences})
    if as_json:
        print_json(shown)
        return
    for each in shown:
        _print_feed(each)


@feed.command("configure")
@_account
@click.option("--replace", is_flag=True, help="Put it in place of another configuration.")
@configuration_options
@as_json
def configure_feed(
    *,
    account: str | None,
    replace: bool,
    as_json: bool,
    statuses: tuple[str, ...],
    visibility_seconds: int | None,
    retention_seconds: int | None,
) -> None:
    """Create the feed configuration where an account's key has none.

    One key has one feed, so another configuration may be somebody else's: it is left alone, and
    the exit status is 1, unless --replace says otherwise. What is left out comes from the
    settings (ORDERS_SYNC_FEED__*), which the workers compare the feed with.

    --json: a list of {account, outcome, differences}; outcome is created, unchanged, replaced
    or refused.
    """
    with open_services() as services:
        names = chosen_accounts(services.settings, account)
        check_replace("feed", names, replace=replace)
        settings = services.settings
        wanted = {
            name: as_configured(
                settings.feed_of(name), statuses, visibility_seconds, retention_seconds
            )
            for name in names
        }
        if any(wanted[name].difference(as_configured(settings.feed_of(name))) for name in names):
            echo("The settings (ORDERS_SYNC_FEED__*) want another one.", err=True)
        configure_each(
            "feed",
            names,
            lambda name: _configure(services.vtex(name), wanted[name], replace=replace),
            again="orders-sync feed configure",
            news="events come",
            as_json=as_json,
        )


@feed.command("peek")
@_account
@click.option(
    "--limit", type=click.IntRange(1, 100), default=_LOT, show_default=True, help="The most read."
)
@as_json
def peek_feed(*, account: str | None, limit: int, as_json: bool) -> None:
    """Look at the feed's next events without taking them.

    VTEX cannot show events without handing them out: what is shown is hidden from the workers for
    the feed's visibility time, and comes to them after it. Nothing is recorded or acknowledged.

    --json: {account, events, visible_again_at}.
    """
    with open_services() as services:
        name = only_one(chosen_accounts(services.settings, account))
        vtex = services.vtex(name)
        configuration = vtex.get_feed_configuration()
        if configuration is None:
            raise click.ClickException(
                f"The key of {name} has no feed. Make it: "
                f"orders-sync feed configure --account {name}"
            )
        rows = [_row(event) for event in _read(vtex, limit)]
    hidden = configuration.queue.visibility_seconds or 0
    again = datetime.now(UTC) + timedelta(seconds=hidden)
    if as_json:
        print_json({"account": name, "events": rows, "visible_again_at": again if rows else None})
        return
    print_rows(rows, _PEEKED, empty=f"The feed of {name} gave no event just now.")
    if rows:
        echo(
            f"Hidden from the workers until {again:%H:%M:%S} UTC ({hidden} s), then given again. "
            "Nothing was recorded or acknowledged."
        )


def _configure(vtex: VtexClient, wanted: Any, *, replace: bool) -> Configured:
    found = vtex.get_feed_configuration()
    differences = [] if found is None else found.difference(wanted)
    if found is not None and not differences:
        return "unchanged", []
    if found is not None and not replace:
        return "refused", differences
    vtex.set_feed_configuration(wanted)
    return ("created" if found is None else "replaced"), differences


def _read(vtex: VtexClient, limit: int) -> Iterator[Any]:
    """Read until there is enough or a lot comes back short; commit nothing."""
    while limit > 0:
        lot = vtex.get_feed(min(limit, _LOT))
        yield from lot
        if len(lot) < min(limit, _LOT):
            return
        limit -= len(lot)


def _row(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name, None) for name in _PEEKED}


def _print_feed(each: dict[str, Any]) -> None:
    account, found = each["account"], each["configuration"]
    if found is None:
        echo(
            f"{account}: no feed is configured; a worker will create it, or now: "
            f"orders-sync feed configure --account {account}"
        )
        return
    echo(f"{account}: {'; '.join(each['differences']) or 'configured as the settings say'}")
    chosen = found["filter"]
    what = chosen.get("expression") or ", ".join(chosen.get("status") or ["every status"])
    echo(f"  {chosen.get('type')}: {what}")
    events = count_of(found.get("quantity") or 0, "event")
    echo(f"  {events} in it, those being worked on too")
