"""The messages that no task could take."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "strays",
        sa.Column("id", sa.String(60), nullable=False),
        sa.Column("arrived_at", UtcDateTime, nullable=False, comment="when a worker put it aside"),
        sa.Column("queue", sa.Text, nullable=False, comment="where it was taken from"),
        sa.Column("reason", sa.String(40), nullable=False, comment="why no task can take it"),
        sa.Column("name", sa.Text, nullable=False, comment="the task that it names; may be empty"),
        sa.Column("size", sa.Integer, nullable=False, comment="of the whole message, in bytes"),
        sa.Column("body", sa.LargeBinary, comment="the message as it was; none once it is erased"),
        sa.Column("standing", sa.String(20), nullable=False, comment="parked, done or void"),
        sa.Column("decided_at", UtcDateTime, comment="when a person retried or discarded it"),
        sa.PrimaryKeyConstraint("id", name="pk_strays"),
    )
    op.create_index("ix_strays_standing_arrived_at", "strays", ["standing", "arrived_at"])
