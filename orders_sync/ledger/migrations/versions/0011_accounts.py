"""Accounts that are kept here beside those of the settings, and tokens of ERPs.

Code before this one knows of neither: it works beside it until the first account is added.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import UtcDateTime

revision = "0011_from_0007"
down_revision = "0010_from_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "account_settings",
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column(
            "revision", sa.BigInteger, nullable=False, comment="the number of its last change"
        ),
        sa.Column(
            "settings", sa.Text, comment="JSON: all but its secrets; none: it is not kept here"
        ),
        sa.Column(
            "secrets", sa.Text, comment="JSON of the rest, encrypted; none: they lie elsewhere"
        ),
        sa.Column("disabled_at", UtcDateTime, comment="since when its work waits"),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_account_settings"),
    )
    op.create_index("ix_account_settings_revision", "account_settings", ["revision"])
    op.create_table(
        "erp_tokens",
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("tokens", sa.Text, nullable=False, comment="JSON, encrypted"),
        sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
        sa.Column("refreshing_since", UtcDateTime, comment="a process renews them since then"),
        sa.Column("refreshing_by", sa.String(200), comment="that process"),
        sa.Column("refused_at", UtcDateTime, comment="when the ERP refused to renew them"),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_erp_tokens"),
    )
