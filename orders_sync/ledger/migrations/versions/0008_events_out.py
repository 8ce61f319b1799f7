"""Events for endpoints: who wants what, what happened, and what was sent to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import ShortText, UtcDateTime

revision = "0008_from_0007"
down_revision = "0007"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(20), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.Text, comment="the events that it wants, by blanks; empty: all"),
        sa.Column(
            "accounts", sa.Text, comment="the accounts that it is for, by blanks; empty: all"
        ),
        sa.Column("secret", sa.Text, nullable=False, comment="signs what it is sent"),
        sa.Column("old_secret", sa.Text, comment="the one before it, which signs too"),
        sa.Column("old_secret_until", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("off_at", UtcDateTime, comment="since when it gets nothing"),
        sa.Column("off_why", sa.String(20), comment="person, gone or failing"),
        sa.Column("failures", sa.Integer, nullable=False, comment="in a row"),
        sa.Column("failing_since", UtcDateTime, comment="the first of them"),
        sa.Column("rests_until", UtcDateTime, comment="nothing is sent to it before"),
        sa.Column("succeeded_at", UtcDateTime, comment="the last delivery, to the minute"),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", _NUMBER, nullable=False),
        sa.Column("id", sa.String(40), nullable=False, comment="what an endpoint knows it by"),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("told", sa.String(40), nullable=False, comment="the event's name"),
        sa.Column("account", sa.String(100), nullable=False, comment="empty for all of them"),
        sa.Column("order_id", sa.Text, nullable=False, comment="empty where it is of none"),
        sa.Column("body", sa.Text, nullable=False, comment="JSON, as it is sent"),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_index("ix_outbox_at", "outbox", ["at"])
    _create_deliveries()
    op.create_table(
        "attempts",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("endpoint_id", sa.String(20), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("answer", ShortText(100), nullable=False, comment="a status, or what went wrong"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_endpoint_id_seq", "attempts", ["endpoint_id", "seq"])


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("endpoint_id", sa.String(20), nullable=False),
        sa.Column("seq", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column(
            "due_at", UtcDateTime, comment="from when it may be sent; none once it has ended"
        ),
        sa.Column(
            "dispatched_until", UtcDateTime, comment="a message or a worker has it until then"
        ),
        sa.Column("lease_owner", sa.String(200), comment="the process that sends it"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failing_since", UtcDateTime, comment="the first failed try"),
        sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
        sa.Column("ended_at", UtcDateTime, comment="when it was taken or given up"),
        sa.Column("is_taken", sa.Boolean, comment="how it ended"),
        sa.PrimaryKeyConstraint("endpoint_id", "seq", name="pk_deliveries"),
    )
    for name, columns, where, sqlite in (
        ("due", ["endpoint_id", "due_at"], "due_at IS NOT NULL", None),
        ("line", ["endpoint_id", "account", "order_id", "seq"], "due_at IS NOT NULL", None),
        (
            "dispatched",
            ["endpoint_id", "dispatched_until"],
            "dispatched_until IS NOT NULL",
            None,
        ),
        ("leased", ["lease_owner"], "lease_owner IS NOT NULL", None),
        ("given_up", ["endpoint_id", "ended_at"], "is_taken = false", "is_taken = 0"),
    ):
        op.create_index(
            f"ix_deliveries_{name}",
            "deliveries",
            columns,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(sqlite or where),
        )
    op.create_index("ix_deliveries_seq", "deliveries", ["seq"])
