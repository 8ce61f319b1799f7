"""When each account's chores are due, and the polls that were told of as leases before."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from orders_sync.ledger.tables import ShortText, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_POLL = "feed.poll"

#: Leases that a claimed chore stands for.
_LEASES = (_POLL, "feed.acknowledge", "erp.pull")


def upgrade() -> None:
    """Create the table, and keep when each feed was last read."""
    accounts = op.create_table(
        "accounts",
        sa.Column("account", sa.String(100), nullable=False, comment="empty for all of them"),
        sa.Column("chore", sa.String(40), nullable=False, comment="the task that does it"),
        sa.Column("due_at", UtcDateTime, comment="its next run; empty until it is woken"),
        sa.Column("claimed_at", UtcDateTime, comment="a run is under way since then"),
        sa.Column("version", sa.Integer, nullable=False, comment="the fencing token"),
        sa.Column("ran_at", UtcDateTime, comment="when the last run began that ended"),
        sa.Column("seconds", sa.Double, comment="how long that run took"),
        sa.Column("worked_at", UtcDateTime, comment="when it last had something to do"),
        sa.Column("succeeded_at", UtcDateTime, comment="when the last run that succeeded ended"),
        sa.Column("failure", ShortText(100), comment="the kind of error of the last run"),
        sa.PrimaryKeyConstraint("account", "chore", name="pk_accounts"),
    )
    op.create_index("ix_accounts_due_at", "accounts", ["due_at"])
    connection = op.get_bind()
    cursors = sa.table(
        "cursors",
        sa.column("account", sa.String),
        sa.column("name", sa.String),
        sa.column("value", sa.Text),
        sa.column("updated_at", UtcDateTime),
    )
    polls = connection.execute(sa.select(cursors).where(cursors.c.name == _POLL)).all()
    if polls:
        op.bulk_insert(
            accounts,
            [
                {
                    "account": poll.account,
                    "chore": _POLL,
                    "due_at": poll.updated_at,
                    "version": 0,
                    "ran_at": poll.updated_at,
                    "succeeded_at": datetime.fromisoformat(poll.value) if poll.value else None,
                }
                for poll in polls
            ],
        )
    connection.execute(sa.delete(cursors).where(cursors.c.name.in_(_LEASES)))
