"""`orders-sync serve`."""

from __future__ import annotations

import click

from orders_sync.cli.output import echo
from orders_sync.cli.workplace import load_current
from orders_sync.logging import configure_logging
from orders_sync.private_files import keep_private
from orders_sync.settings import load_settings, require_accounts


@click.command()
@click.option("--address", help="Listen here; ORDERS_SYNC_GATEWAY__ADDRESS if left out.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Listen on this port, 0: a free one; ORDERS_SYNC_GATEWAY__PORT if left out.",
)
def serve(*, address: str | None, port: int | None) -> None:
    """Serve the HTTP API, VTEX's hook, and the order desk for people, until it is stopped.

    The first line printed begins with its address; the API's page for people is under /api/docs,
    the desk under /desk/. What it accepts is in the ledger before it answers. Tokens are made with
    `orders-sync tokens create`, the desk's users with `orders-sync users create`.
    """
    from orders_sync.bootstrap import error_reporter  # noqa: PLC0415 - Celery is slow to import.
    from orders_sync.gateway.server import serve as run  # noqa: PLC0415

    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level, report=error_reporter(settings))
    if settings.secrets_key is None:
        require_accounts(load_current())
    keep_private(settings)
    given = {"address": address, "port": port}
    gateway = settings.gateway.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    run(
        settings.model_copy(update={"gateway": gateway}),
        lambda url: echo(f"{url} (the order desk: {url}/desk/)"),
    )
