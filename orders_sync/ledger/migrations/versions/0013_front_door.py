"""Deliveries that are due in the order in which they are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_from_0007"
down_revision = "0010_from_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Order the index of due deliveries by event too."""
    op.drop_index("ix_deliveries_due", "deliveries")
    waits = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "due_at", "seq"],
        postgresql_where=waits,
        sqlite_where=waits,
    )
