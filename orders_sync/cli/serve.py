"""`orders-sync serve` and `up`: run the gateway, or everything, until it is stopped."""

from __future__ import annotations

import sys

import click

from orders_sync.cli.context import load_current
from orders_sync.cli.output import echo
from orders_sync.embedded.up import Ports, run_up
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


@click.command()
@click.option(
    "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes."
)
@click.option("--flower/--no-flower", default=True, show_default=True, help="Run Flower as well.")
@click.option(
    "--flower-port",
    type=click.IntRange(1, 65535),
    default=5555,
    show_default=True,
    help="Flower's port on 127.0.0.1.",
)
@click.option(
    "--gateway/--no-gateway",
    default=True,
    show_default=True,
    help="Run the HTTP API and the order desk.",
)
@click.option(
    "--gateway-port",
    type=click.IntRange(1, 65535),
    help="The HTTP API's port on 127.0.0.1; ORDERS_SYNC_GATEWAY__PORT if left out.",
)
def up(
    *, workers: int, flower: bool, flower_port: int, gateway: bool, gateway_port: int | None
) -> None:
    """Run broker, workers, beat, Flower and the HTTP API for the configured accounts.

    It runs until it is stopped.

    Without ORDERS_SYNC_BROKER_URL the embedded broker is started too. What ends is started again.
    Ctrl-C or SIGTERM stops everything within 30 seconds; the exit status is 130 or 0.
    Who is to be told when something needs a person runs `orders-sync watch` beside it, in the same
    folder.
    """
    settings = load_settings()
    port = settings.gateway.port if gateway_port is None else gateway_port
    status = run_up(
        settings,
        workers=workers,
        ports=Ports(flower_port if flower else None, port if gateway else None),
        say=lambda sentence: echo(sentence, err=True),
    )
    sys.exit(status)
