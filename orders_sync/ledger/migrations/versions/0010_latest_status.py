"""VTEX's status as a command's read showed it, after the order's own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import AnyText

revision = "0010_from_0007"
down_revision = "0009_from_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which is empty until an order is read again."""
    op.add_column(
        "orders",
        sa.Column("latest_status", AnyText, comment="VTEX's status in any later read of it"),
    )
