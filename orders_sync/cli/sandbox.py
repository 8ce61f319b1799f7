"""`orders-sync sandbox`."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import click

from orders_sync.cli.parameters import DURATION
from orders_sync.sandbox.box import Box
from orders_sync.sandbox.dials import Dials, Preset
from orders_sync.sandbox.server import ordering, serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8181, show_default=True, help="0: a free one."
)
@click.option("--account", default="mystore", show_default=True, help="The account's name.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of orders and chaos.")
@click.option(
    "--chaos",
    type=click.Choice(["off", "mild", "wild"]),
    default="off",
    show_default=True,
    help="How badly it behaves.",
)
@click.option(
    "--requests-per-minute", type=click.IntRange(1), help="Answer 429 beyond it; else no limit."
)
@click.option(
    "--orders", type=click.IntRange(0), default=0, help="How many there are at the start."
)
@click.option("--every", type=DURATION, help="A new order every so often, such as 10s.")
def sandbox(
    *,
    host: str,
    port: int,
    account: str,
    seed: int,
    chaos: Preset,
    requests_per_minute: int | None,
    orders: int,
    every: timedelta | None,
) -> None:
    """Serve a VTEX in a box over HTTP, until it is stopped; its address is the first line printed.

    Any app key and token are let in. Its own API is under /_sandbox/: POST orders makes orders,
    GET orders and GET report tell what was done, PUT dials changes how it behaves. Orders of the
    start were there before any feed: only VTEX's list of orders tells of them.
    """
    box = Box(
        account, seed=seed, dials=Dials.preset(chaos), requests_per_minute=requests_per_minute
    )
    box.create_orders(orders)
    try:
        with ordering(box, max(every.total_seconds(), 0.1)) if every else nullcontext():
            serve(box, host, port, click.echo)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}, port {port}: {error.strerror}."
        ) from None
