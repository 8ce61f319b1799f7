"""Commands: what VTEX shall be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "commands",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.Text(), comment="makes a repeat harmless; empty where it was refused"),
        sa.Column("asked_key", sa.Text(), comment="the key as the caller gave it"),
        sa.Column(
            "fingerprint", sa.String(length=64), nullable=False, comment="tells bodies apart"
        ),
        sa.Column("body", sa.Text(), nullable=False, comment="JSON, as it was asked for or edited"),
        sa.Column(
            "source", sa.String(length=20), nullable=False, comment="service, erp, cli or rules"
        ),
        sa.Column(
            "progress", sa.String(length=20), nullable=False, comment="accepted, sent or done"
        ),
        sa.Column(
            "standing", sa.String(length=20), nullable=False, comment="what happens with it now"
        ),
        sa.Column(
            "outcome", sa.String(length=20), nullable=False, comment="what its caller is told"
        ),
        sa.Column("told", sa.String(length=20), comment="the outcome that the ERP was told last"),
        sa.Column("next_step", sa.String(length=40), comment="the task that goes on with it"),
        sa.Column("receipt", sa.Text(), comment="VTEX's receipt, or the id of a change"),
        sa.Column("vtex_number", sa.Text(), comment="an invoice's number as VTEX has it"),
        sa.Column("value_cents", sa.BigInteger(), comment="an invoice's value as it was sent"),
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
        sa.Column("version", sa.Integer(), nullable=False, comment="the fencing token"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "retried_at",
            sa.DateTime(timezone=True),
            comment="when a person last had it tried again",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
        sa.UniqueConstraint("account", "key", name="uq_commands_account_key"),
    )
    op.create_index("ix_commands_account_order_id", "commands", ["account", "order_id"])
    op.create_index(
        "ix_commands_source_account_told_outcome",
        "commands",
        ["source", "account", "told", "outcome"],
    )
    op.create_index("ix_commands_standing_due_at", "commands", ["standing", "due_at"])
