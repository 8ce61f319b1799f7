"""The tables of events for endpoints; `migrations/` creates them, as the ledger's others."""

from __future__ import annotations

import sqlalchemy as sa

from orders_sync.ledger.tables import ShortText, UtcDateTime, metadata, partial_index

endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, comment="the events that it wants, by blanks; empty: all"),
    sa.Column("accounts", sa.Text, comment="the accounts that it is for, by blanks; empty: all"),
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
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, comment="what an endpoint knows it by"),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("told", sa.String(40), nullable=False, comment="the event's name"),
    sa.Column("account", sa.String(100), nullable=False, comment="empty for all of them"),
    sa.Column("order_id", sa.Text, nullable=False, comment="empty where it is of none"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON, as it is sent"),
    sa.UniqueConstraint("id"),
    sa.Index(None, "at"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("endpoint_id", sa.String(20), primary_key=True),
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("account", sa.String(100), nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("due_at", UtcDateTime, comment="from when it may be sent; none once it has ended"),
    sa.Column("dispatched_until", UtcDateTime, comment="a message or a worker has it until then"),
    sa.Column("lease_owner", sa.String(200), comment="the process that sends it"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcDateTime, comment="the first failed try"),
    sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
    sa.Column("ended_at", UtcDateTime, comment="when it was taken or given up"),
    sa.Column("is_taken", sa.Boolean, comment="how it ended"),
    partial_index("ix_deliveries_due", "endpoint_id", "due_at", "seq", where="due_at IS NOT NULL"),
    partial_index(
        "ix_deliveries_line",
        "endpoint_id",
        "account",
        "order_id",
        "seq",
        where="due_at IS NOT NULL",
    ),
    partial_index(
        "ix_deliveries_dispatched",
        "endpoint_id",
        "dispatched_until",
        where="dispatched_until IS NOT NULL",
    ),
    partial_index("ix_deliveries_leased", "lease_owner", where="lease_owner IS NOT NULL"),
    partial_index(
        "ix_deliveries_given_up",
        "endpoint_id",
        "ended_at",
        where="is_taken = false",
        sqlite="is_taken = 0",
    ),
    sa.Index(None, "seq"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("endpoint_id", sa.String(20), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("answer", ShortText(100), nullable=False, comment="a status, or what went wrong"),
    sa.Index(None, "endpoint_id", "seq"),
)
