"""`orders-sync db`: the ledger's tables."""

from __future__ import annotations

import click

from orders_sync.cli.output import as_json, print_outcome
from orders_sync.ledger.migrate import upgrade
from orders_sync.private_files import keep_private
from orders_sync.settings import load_settings


@click.group()
def db() -> None:
    """See to the ledger's database."""


@db.command("upgrade")
@as_json
def upgrade_ledger(*, as_json: bool) -> None:
    """Create the ledger's tables, or bring them up to date.

    --json: {version}.
    """
    settings = load_settings()
    keep_private(settings)
    version = upgrade(settings.ledger)
    says = f"The ledger is at version {version}."
    print_outcome({"version": version}, says, as_json=as_json)
