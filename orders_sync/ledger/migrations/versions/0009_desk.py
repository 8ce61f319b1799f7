"""The order desk's users and sessions, and the names by which people look for an order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import ShortText, UtcDateTime

revision = "0009_from_0007"
down_revision = "0008_from_0007"
branch_labels = None
depends_on = None

#: What was accepted is JSON; SQLite and PostgreSQL read it each in its own words.
_NUMBER = {
    "postgresql": "left(CAST(body AS json) ->> 'tracking_number', 255)",
    "sqlite": "substr(json_extract(body, '$.tracking_number'), 1, 255)",
}


def upgrade() -> None:
    """Create the tables, and the columns with their indices.

    An order's sequence and its marketplace's id are there from its next read on.
    """
    op.create_table(
        "users",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("password", sa.Text, nullable=False, comment="argon2's hash of it"),
        sa.Column("role", sa.String(20), nullable=False, comment="viewer, operator or admin"),
        sa.Column("accounts", sa.Text, comment="the accounts it may see, by blanks; empty: all"),
        sa.Column(
            "sees_persons",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="it may see names, documents and addresses",
        ),
        sa.Column("language", sa.String(10), comment="the desk's for it; empty: its browser's"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("disabled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of its token"),
        sa.Column("user", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False, comment="its last use, to the minute"),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])
    _add_name("orders", "sequence", "VTEX's sequence, which people quote")
    _add_name("orders", "marketplace_order_id", "the marketplace's id of it")
    _add_name("commands", "tracking_number", "the carrier's number of its package")
    number = _NUMBER[op.get_bind().dialect.name]
    op.execute(
        f"UPDATE commands SET tracking_number = {number} WHERE kind IN ('invoice', 'track') "  # noqa: S608 - a constant.
        """AND key NOT LIKE 'refused/%' AND body LIKE '%"tracking_number"%'"""
    )
    for table, column, using in (
        ("orders", "sequence", "btree"),
        ("orders", "marketplace_order_id", "btree"),
        ("orders", "erp_reference", "hash"),
        ("commands", "vtex_number", "btree"),
        ("commands", "tracking_number", "btree"),
    ):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_{table}_{column}",
            table,
            [column],
            postgresql_where=there,
            sqlite_where=there,
            postgresql_using=using,
        )


def _add_name(table: str, column: str, comment: str) -> None:
    op.add_column(table, sa.Column(column, ShortText(255), comment=comment))
