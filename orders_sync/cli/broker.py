"""`orders-sync broker`: where other services reach the broker."""

from __future__ import annotations

import click

from orders_sync.cli.output import as_json, print_json
from orders_sync.settings import load_settings


@click.group()
def broker() -> None:
    """Tell where the broker is."""


@broker.command("url")
@as_json
def broker_url(*, as_json: bool) -> None:
    """Print the broker's URL, with its password, for services that send commands.

    It is ORDERS_SYNC_BROKER_URL, or that of the embedded broker while `orders-sync up` runs; that
    one is for this machine only, and has another port and password after each start.

    --json: {url}.
    """
    from orders_sync.bootstrap import with_broker  # noqa: PLC0415 - Celery is slow to import.

    url = with_broker(load_settings()).broker_url
    if as_json:
        print_json({"url": url})
    else:
        click.echo(url)
