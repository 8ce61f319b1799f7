"""`orders-sync db`: the ledger's tables."""

from __future__ import annotations

import click

from orders_sync.ledger.migrate import upgrade
from orders_sync.settings import load_settings


@click.group()
def db() -> None:
    """See to the ledger's database."""


@db.command("upgrade")
def upgrade_ledger() -> None:
    """Create the ledger's tables, or bring them up to date."""
    click.echo(f"The ledger is at version {upgrade(load_settings().ledger)}.")
