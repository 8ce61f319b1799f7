"""Indices for what the sweeps, the ERP's answers, metrics and people ask of a large ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indices, and drop those that they replace."""
    op.drop_index("ix_orders_standing_due_at", "orders")
    op.drop_index("ix_commands_standing_due_at", "commands")
    op.drop_index("ix_commands_source_account_told_outcome", "commands")
    op.drop_index("ix_commands_account_order_id", "commands")
    op.create_index("ix_orders_account_updated_at", "orders", ["account", "updated_at"])
    op.create_index("ix_orders_order_id", "orders", ["order_id"])
    op.create_index("ix_orders_standing_updated_at", "orders", ["standing", "updated_at"])
    op.create_index("ix_orders_status_updated_at", "orders", ["status", "updated_at"])
    op.create_index("ix_orders_updated_at", "orders", ["updated_at"])
    op.create_index("ix_commands_order_id_account", "commands", ["order_id", "account"])
    op.create_index("ix_commands_standing_updated_at", "commands", ["standing", "updated_at"])
    op.create_index(
        "ix_operator_log_account_order_id_id", "operator_log", ["account", "order_id", "id"]
    )
    _create_partial("ix_orders_due", "orders", ["due_at"], "due_at IS NOT NULL")
    _create_partial("ix_orders_cause", "orders", ["cause", "updated_at"], "cause IS NOT NULL")
    _create_partial("ix_commands_due", "commands", ["due_at"], "due_at IS NOT NULL")
    _create_partial(
        "ix_commands_untold",
        "commands",
        ["account", "source", "updated_at"],
        "told IS DISTINCT FROM outcome",
        sqlite="told IS NOT outcome",
    )
    _create_partial(
        "ix_events_handle", "events", ["handle"], "acknowledged_at IS NULL", using="hash"
    )
    _create_partial("ix_events_unreadable", "events", ["first_seen_at"], "problem IS NOT NULL")


def _create_partial(
    name: str,
    table: str,
    columns: list[str],
    where: str,
    *,
    sqlite: str | None = None,
    using: str = "btree",
) -> None:
    op.create_index(
        name,
        table,
        columns,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(sqlite or where),
        postgresql_using=using,
    )
