"""Deliveries that are due in the order in which they are sent, and parked work by cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_from_0007"
down_revision = "0010_from_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Order the index of due deliveries by event too, and index what is parked."""
    op.drop_index("ix_deliveries_due", "deliveries")
    waits = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "due_at", "seq"],
        postgresql_where=waits,
        sqlite_where=waits,
    )
    parked = sa.text("standing = 'parked'")
    for table, row_id in (("orders", "order_id"), ("commands", "id")):
        op.create_index(
            f"ix_{table}_parked",
            table,
            ["cause", "updated_at", row_id, "account"],
            postgresql_where=parked,
            sqlite_where=parked,
        )
