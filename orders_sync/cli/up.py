"""`orders-sync up`."""

from __future__ import annotations

import sys

import click

from orders_sync.cli.output import echo
from orders_sync.embedded.up import Ports, run_up
from orders_sync.settings import load_settings


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
