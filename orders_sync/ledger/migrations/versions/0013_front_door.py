"""Indices of due deliveries and parked work; sessions of people who signed in elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_from_0012"
down_revision = "0012_from_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Order the index of due deliveries by event too, index what is parked, add the columns."""
    op.drop_index("ix_deliveries_due", "deliveries")
    waits = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "due_at", "seq"],
        postgresql_where=waits,
        sqlite_where=waits,
    )
    for column in (
        sa.Column("provider", sa.Boolean, comment="signed in elsewhere, by no password of ours"),
        sa.Column(
            "role", sa.String(20), comment="what the provider's groups gave, of no user of ours"
        ),
        sa.Column("sees_persons", sa.Boolean, comment="what they gave beside it"),
    ):
        op.add_column("sessions", column)
    parked = sa.text("standing = 'parked'")
    for table, row_id in (("orders", "order_id"), ("commands", "id")):
        op.create_index(
            f"ix_{table}_parked",
            table,
            ["cause", "updated_at", row_id, "account"],
            postgresql_where=parked,
            sqlite_where=parked,
        )
