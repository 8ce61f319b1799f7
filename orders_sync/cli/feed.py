"""`orders-sync feed`: the feed's configuration at VTEX, and a look at what waits in it.

`hook` configures accounts as `feed` does: one key has one feed, and one hook.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orders_sync.cli.context import only_one, open_services, targets
from orders_sync.cli.output import as_json, echo, print_json, print_rows
from orders_sync.cli.parameters import ACCOUNT
from orders_sync.domain.rules import (
    BEFORE_HANDLING,
    CANCELLATION_REQUESTED,
    CANCELLED,
    CANCELLING,
    IN_HANDLING,
    INVOICED,
    READY_FOR_HANDLING,
)
from orders_sync.domain.words import count_of
from orders_sync.settings_parts import FeedSettings
from orders_sync.upkeep.watch_feed import wanted_configuration
from orders_sync.vtex.feed import (
    MAX_RETENTION_SECONDS,
    MAX_VISIBILITY_SECONDS,
    MIN_RETENTION_SECONDS,
    FeedConfiguration,
)

if TYPE_CHECKING:
    from orders_sync.vtex.client import VtexClient

F = TypeVar("F", bound=Callable[..., Any])

#: What became of an account's configuration, and how it differed from what is wanted.
Configured = tuple[str, Sequence[str]]

_LOT = 10
_MIN_VISIBILITY_SECONDS = 30
_KNOWN = sorted(
    BEFORE_HANDLING
    | IN_HANDLING
    | CANCELLING
    | CANCELLED
    | {READY_FOR_HANDLING, CANCELLATION_REQUESTED, INVOICED}
)
_PEEKED = ("order_id", "domain", "state", "last_state", "current_change", "problem")

_account = click.option("--account", type=ACCOUNT, help="Only this account's feed.")


def _configuration_options(function: F) -> F:
    """Add --status, --visibility-seconds and --retention-seconds."""
    for decorate in (
        click.option(
            "--retention-seconds",
            type=click.IntRange(MIN_RETENTION_SECONDS, MAX_RETENTION_SECONDS),
            help="How long the feed keeps an event.",
        ),
        click.option(
            "--visibility-seconds",
            type=click.IntRange(_MIN_VISIBILITY_SECONDS, MAX_VISIBILITY_SECONDS),
            help="How long an event that was read is hidden.",
        ),
        click.option(
            "--status",
            "statuses",
            multiple=True,
            help="A status whose orders become events; give it for each.",
        ),
    ):
        function = decorate(function)
    return function


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
        for name in targets(services.settings, account):
            current = services.vtex(name).get_feed_configuration()
            in_settings = _as_configured(services.settings.feed_of(name))
            differences = [] if current is None else current.difference(in_settings)
            body = None if current is None else current.model_dump(mode="json", by_alias=True)
            shown.append({"account": name, "configuration": body, "differences": differences})
    if as_json:
        print_json(shown)
        return
    for row in shown:
        _print_feed(row)


@feed.command("configure")
@_account
@click.option("--replace", is_flag=True, help="Put it in place of another configuration.")
@_configuration_options
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
        names = targets(services.settings, account)
        check_replace("feed", names, replace=replace)
        settings = services.settings
        chosen = {
            name: _as_configured(
                settings.feed_of(name), statuses, visibility_seconds, retention_seconds
            )
            for name in names
        }
        if any(chosen[name].difference(_as_configured(settings.feed_of(name))) for name in names):
            echo("The settings (ORDERS_SYNC_FEED__*) want another one.", err=True)
        configure_each(
            "feed",
            names,
            lambda name: _configure(services.vtex(name), chosen[name], replace=replace),
            again="orders-sync feed configure",
            gain="events come",
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
        name = only_one(targets(services.settings, account))
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


def _configure(vtex: VtexClient, chosen: FeedConfiguration, *, replace: bool) -> Configured:
    current = vtex.get_feed_configuration()
    differences = [] if current is None else current.difference(chosen)
    if current is not None and not differences:
        return "unchanged", []
    if current is not None and not replace:
        return "refused", differences
    vtex.set_feed_configuration(chosen)
    return ("created" if current is None else "replaced"), differences


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


def _print_feed(row: dict[str, Any]) -> None:
    account, current = row["account"], row["configuration"]
    if current is None:
        echo(
            f"{account}: no feed is configured; a worker will create it, or now: "
            f"orders-sync feed configure --account {account}"
        )
        return
    echo(f"{account}: {'; '.join(row['differences']) or 'configured as the settings say'}")
    echo(f"  {describe_filter(current['filter'])}")
    events = count_of(current.get("quantity") or 0, "event")
    echo(f"  {events} in it, those being worked on too")


def _as_configured(
    settings: FeedSettings,
    statuses: tuple[str, ...] = (),
    visibility_seconds: int | None = None,
    retention_seconds: int | None = None,
) -> FeedConfiguration:
    """Return the settings, with the options on top, as VTEX's configuration.

    A status that is not known is warned about and taken: VTEX has more than its list, and does not
    check them.
    """
    for status in sorted(set(statuses) - set(_KNOWN)):
        close = difflib.get_close_matches(status, _KNOWN, n=1)
        advice = f" Did you mean {close[0]}?" if close else ""
        echo(f"VTEX's list has no status {status}, so no event may come.{advice}", err=True)
    options = {
        "statuses": statuses,
        "visibility_seconds": visibility_seconds,
        "retention_seconds": retention_seconds,
    }
    changes = {name: value for name, value in options.items() if value}
    return wanted_configuration(settings.model_copy(update=changes))


def check_replace(what: str, accounts: Sequence[str], *, replace: bool) -> None:
    """Refuse to replace more configurations than may be meant.

    Raises:
        click.UsageError: several accounts are meant.
    """
    if replace and len(accounts) > 1:
        raise click.UsageError(
            f"--replace needs the account whose {what} is meant: --account {accounts[0]}"
        )


def configure_each(
    what: str,
    accounts: Sequence[str],
    configure: Callable[[str], Configured],
    *,
    again: str,
    gain: str,
    as_json: bool,
) -> None:
    """Configure each account's feed or hook (`what`), and print the outcome.

    `gain` is what a created one brings; `again` is the command that was given.

    Raises:
        click.ClickException: one was left alone, since somebody else may use it.
    """
    words = {
        "created": f"the {what} is configured; {gain} from now on.",
        "unchanged": f"the {what} is configured so already.",
        "replaced": f"the {what} is configured anew.",
        "refused": f"the {what} is configured otherwise.",
    }
    done = [(account, *configure(account)) for account in accounts]
    if as_json:
        names = ("account", "outcome", "differences")
        print_json([dict(zip(names, row, strict=True)) for row in done])
    else:
        for account, outcome, differences in done:
            echo(f"{account}: {words[outcome]}")
            for difference in differences:
                echo(f"  {difference}")
    refused = [account for account, outcome, _ in done if outcome == "refused"]
    if refused:
        raise click.ClickException(
            f"Left alone, somebody may use it: {', '.join(refused)}. To have it as wanted: "
            f"{again} --replace --account {refused[0]}"
        )


def describe_filter(chosen: Mapping[str, Any]) -> str:
    """Return in a few words which orders a feed or a hook tells of, from VTEX's JSON."""
    what = chosen.get("expression") or ", ".join(chosen.get("status") or ["every status"])
    return f"{chosen.get('type')}: {what}"
