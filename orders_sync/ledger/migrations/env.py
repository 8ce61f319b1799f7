"""Run by Alembic: migrates over the connection that `ledger.migrate` hands in."""

from __future__ import annotations

from alembic import context

from orders_sync.ledger.tables import metadata
from orders_sync.ledger.versions import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
