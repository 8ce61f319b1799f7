"""Tokens of services that call over HTTP, and whose each command is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import ShortText, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and add the column, which is empty for what came before."""
    op.create_table(
        "callers",
        sa.Column("id", sa.String(16), nullable=False, comment="the part of a token that is shown"),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the whole token"),
        sa.Column("scopes", sa.Text, nullable=False, comment="what it may do, by blanks"),
        sa.Column("accounts", sa.Text, comment="the accounts it is for, by blanks; empty: all"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("used_at", UtcDateTime, comment="its last use, to the minute"),
        sa.PrimaryKeyConstraint("id", name="pk_callers"),
        sa.UniqueConstraint("name", name="uq_callers_name"),
    )
    op.add_column(
        "commands",
        sa.Column("caller", ShortText(100), comment="the token that asked for it over HTTP"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("commands", "source", comment="service, erp, cli, http or rules")
