"""The ledger as the queue: what is dispatched, lines of commands, intents, and living workers.

Work that is under way is due at once: whoever has a lease on it keeps it until the lease ends, and
a message that is still in the broker finds out whether its step is past.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import AnyText, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LINE = """
    UPDATE commands
    SET line = CASE
        WHEN kind = 'track' THEN 'tracking/' || vtex_number
        WHEN kind = 'invoice' AND body LIKE '%"type":"Input"%' THEN 'returns'
        ELSE 'goods'
    END
    WHERE kind IN ('invoice', 'change', 'cancel', 'deny', 'track')
        AND standing IN ('active', 'waiting', 'parked')
"""
_POSITION = """
    UPDATE commands
    SET position = (
        SELECT count(*) FROM commands AS other
        WHERE other.account = commands.account AND other.order_id = commands.order_id
            AND (other.created_at < commands.created_at
                OR (other.created_at = commands.created_at AND other.id <= commands.id))
    )
    WHERE standing IN ('active', 'waiting', 'parked')
"""
_IS_REST = """
    UPDATE commands
    SET is_rest = (body NOT LIKE '%"value_cents":%' AND body NOT LIKE '%"items":%')
    WHERE kind = 'invoice' AND standing IN ('active', 'waiting', 'parked')
"""


def upgrade() -> None:
    """Add the columns, fill them for what is not at its end, and replace indices."""
    _add_columns()
    _reword()
    now = sa.bindparam("now", datetime.now(UTC), type_=UtcDateTime())
    for table in ("orders", "commands"):
        due = f"UPDATE {table} SET due_at = :now WHERE standing = 'active'"  # noqa: S608 - a table's name.
        op.execute(sa.text(due).bindparams(now))
    op.execute(_LINE)
    op.execute(_POSITION)
    op.execute(_IS_REST)
    op.execute("UPDATE commands SET asked_by_erp = (source = 'erp')")
    _replace_indices()
    op.create_table(
        "workers",
        sa.Column("process", sa.String(200), nullable=False, comment="host, process id and a mark"),
        sa.Column("node", sa.Text(), nullable=False, comment="Celery's name of the worker"),
        sa.Column(
            "queues", sa.Text(), nullable=False, comment="the queues that it serves, by commas"
        ),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False, comment="its last sign of life"),
        sa.PrimaryKeyConstraint("process", name="pk_workers"),
    )


def _reword() -> None:
    """Say what columns mean, where the database keeps that."""
    if op.get_bind().dialect.name == "postgresql":
        due = "from when it may be dispatched"
        op.alter_column("orders", "due_at", comment=due)
        op.alter_column("commands", "due_at", comment=f"{due}; none in line")
        op.alter_column("orders", "lease_owner", comment="the process that works on it")


def _add_columns() -> None:
    until = "a message or a worker has it until then"
    op.add_column("orders", sa.Column("dispatched_until", UtcDateTime(), comment=until))
    written = "a write to VTEX may be on the wire until then"
    op.add_column("orders", sa.Column("write_until", UtcDateTime(), comment=written))
    for column in (
        sa.Column("dispatched_until", UtcDateTime(), comment=until),
        sa.Column(
            "line", AnyText(), comment="what it conflicts with: goods, or tracking of an invoice"
        ),
        sa.Column("intent", AnyText(), comment="JSON: a write whose outcome is not known"),
        _with_default("position", sa.BigInteger(), sa.text("0"), "its place among its order's"),
        _with_default("is_rest", sa.Boolean(), sa.false(), "an invoice of all that is left"),
        _with_default("asked_by_erp", sa.Boolean(), sa.false(), "its ERP is to be answered"),
    ):
        op.add_column("commands", column)


def _with_default(
    name: str,
    kind: sa.types.TypeEngine[Any],
    value: sa.ColumnElement[Any] | sa.TextClause,
    comment: str,
) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=value, comment=comment)


def _replace_indices() -> None:
    op.drop_index("ix_orders_due", "orders")
    op.drop_index("ix_commands_due", "commands")
    op.drop_index("ix_commands_untold", "commands")
    for table in ("orders", "commands"):
        due = ["account", "next_step", "due_at"]
        _create_partial(f"ix_{table}_due", table, due, "due_at IS NOT NULL")
        until = ["account", "dispatched_until"]
        _create_partial(f"ix_{table}_dispatched", table, until, "dispatched_until IS NOT NULL")
    _create_partial("ix_orders_leased", "orders", ["lease_owner"], "lease_owner IS NOT NULL")
    _create_partial(
        "ix_commands_untold",
        "commands",
        ["account", "updated_at"],
        "asked_by_erp AND told IS DISTINCT FROM outcome",
        sqlite="asked_by_erp = 1 AND told IS NOT outcome",
    )


def _create_partial(
    name: str, table: str, columns: list[str], where: str, *, sqlite: str | None = None
) -> None:
    op.create_index(
        name,
        table,
        columns,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(sqlite or where),
    )
