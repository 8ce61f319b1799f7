"""Revisions of orders, by which ERPs are told what changed after the hand-over.

Code of before would keep a changed document in place of the one that the ERP has, and does not know
the step that tells it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import UtcDateTime

revision = "0012_from_0012"
down_revision = "0011_from_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, which are empty until an order is handed over or read again."""
    op.add_column(
        "orders",
        sa.Column(
            "revision", sa.Integer, comment="of its kept document, where its ERP takes changes"
        ),
    )
    op.add_column(
        "orders", sa.Column("erp_revision", sa.Integer, comment="the revision that its ERP has")
    )
    op.add_column(
        "orders",
        sa.Column("value_cents", sa.BigInteger, comment="what it is worth in that document"),
    )
    op.add_column(
        "orders",
        sa.Column(
            "compare_at", UtcDateTime, comment="when it is read for changes; VTEX tells of none"
        ),
    )
    op.add_column(
        "documents",
        sa.Column(
            "given", sa.LargeBinary, comment="the one that its ERP has, where that is another"
        ),
    )
    # No row has a value yet, so that the index is there at once.
    op.create_index(
        "ix_orders_compare_at",
        "orders",
        ["account", "compare_at"],
        postgresql_where=sa.text("compare_at IS NOT NULL"),
        sqlite_where=sa.text("compare_at IS NOT NULL"),
    )
