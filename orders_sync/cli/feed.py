"""`orders-sync feed`: the feed's configuration at VTEX."""

from __future__ import annotations

import click

from orders_sync.cli.output import as_json, print_json
from orders_sync.settings import load_settings, require_accounts


@click.group()
def feed() -> None:
    """Look at the feeds of the accounts."""


@feed.command("show")
@as_json
def show_feed(*, as_json: bool) -> None:
    """Show each account's feed configuration, and how it differs from the settings."""
    from orders_sync.bootstrap import build  # noqa: PLC0415 - requests is slow to import.
    from orders_sync.upkeep.watch_feed import wanted_configuration  # noqa: PLC0415

    settings = load_settings()
    require_accounts(settings)
    services = build(settings)
    wanted = wanted_configuration(settings.feed)
    for account in settings.accounts:
        found = services.vtex(account).get_feed_configuration()
        differences = [] if found is None else list(found.difference(wanted))
        if as_json:
            shown = None if found is None else found.model_dump(mode="json", by_alias=True)
            print_json({"account": account, "configuration": shown, "differences": differences})
        elif found is None:
            click.echo(f"{account}: no feed is configured; a worker will create it.")
        else:
            click.echo(f"{account}: {'; '.join(differences) or 'configured as the settings say'}")
