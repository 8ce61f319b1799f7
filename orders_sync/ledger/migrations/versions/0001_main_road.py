"""Orders, their documents and events, the journal, the operator's log and cursors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "cursors",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("lease_owner", sa.String(length=200)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name="pk_cursors"),
    )
    op.create_table(
        "documents",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column(
            "body", sa.LargeBinary(), nullable=False, comment="as VTEX sent it, byte for byte"
        ),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_id", name="pk_documents"),
    )
    op.create_table(
        "events",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("identity", sa.String(length=400), nullable=False),
        sa.Column("order_id", sa.Text(), comment="empty where the event cannot be read"),
        sa.Column("event_id", sa.Text()),
        sa.Column("domain", sa.Text()),
        sa.Column("state", sa.Text()),
        sa.Column("last_state", sa.Text()),
        sa.Column("current_change", sa.Text(), comment="VTEX's time of the change, as text"),
        sa.Column("handle", sa.Text(), comment="acknowledges the latest delivery"),
        sa.Column(
            "delivered_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the latest delivery",
        ),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "asks_nothing", sa.Boolean(), nullable=False, comment="its order need not be read"
        ),
        sa.Column("problem", sa.Text(), comment="why it cannot be read"),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("account", "identity", name="pk_events"),
    )
    op.create_index("ix_events_account_order_id", "events", ["account", "order_id"])
    op.create_index(
        "ix_events_unacknowledged",
        "events",
        ["account", "delivered_at"],
        sqlite_where=sa.text("acknowledged_at IS NULL"),
        postgresql_where=sa.text("acknowledged_at IS NULL"),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.Text()),
        sa.Column("what", sa.String(length=100), nullable=False, comment="noun.participle"),
        sa.Column("step", sa.String(length=40)),
        sa.Column("attempt", sa.Integer()),
        sa.Column("seconds", sa.Double(), comment="how long the step took"),
        sa.Column("task_id", sa.String(length=300)),
        sa.Column("note", sa.Text(), comment="without personal data"),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_account_order_id_id", "journal", ["account", "order_id", "id"])
    op.create_table(
        "operator_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("did", sa.String(length=100), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.Text()),
        sa.Column("why", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_operator_log"),
    )
    op.create_table(
        "orders",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("progress", sa.String(length=20), nullable=False, comment="how far the order is"),
        sa.Column(
            "standing", sa.String(length=20), nullable=False, comment="what happens with it now"
        ),
        sa.Column("next_step", sa.String(length=40), comment="the task that goes on with it"),
        sa.Column(
            "news", sa.Boolean(), nullable=False, comment="an event came that no read has seen"
        ),
        sa.Column("status", sa.Text(), comment="VTEX's status when it was last read"),
        sa.Column("erp_reference", sa.Text(), comment="the ERP's name for it"),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), comment="from when the sweep may put it back"
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="failed tries of this step"),
        sa.Column(
            "failing_since", sa.DateTime(timezone=True), comment="the first failed try of this step"
        ),
        sa.Column("cause", sa.String(length=100), comment="why it waits or is parked"),
        sa.Column("reason", sa.Text(), comment="the same in words"),
        sa.Column("hint", sa.Text(), comment="what a person can do"),
        sa.Column("lease_owner", sa.String(length=200)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer(), nullable=False, comment="the fencing token"),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_id", name="pk_orders"),
    )
    op.create_index(
        "ix_orders_account_standing_updated_at", "orders", ["account", "standing", "updated_at"]
    )
    op.create_index("ix_orders_standing_due_at", "orders", ["standing", "due_at"])
