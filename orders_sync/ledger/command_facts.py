"""What commands have done so far, as rules and answers ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orders_sync.domain.bodies import TrackBody
from orders_sync.domain.sending.verdicts import Known
from orders_sync.ledger.command_claims import CommandClaim
from orders_sync.ledger.engine import Database
from orders_sync.ledger.retention import ERASED
from orders_sync.ledger.tables import commands

Row = dict[str, Any]


#: Stands before an outcome in `told` where the ERP did not take the answer.
_UNANSWERABLE = "not "


class CommandFacts:
    """Reads of commands, and the note of what the ERP was told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def untold(self, account: str, *, limit: int) -> Sequence[Row]:
        """List commands of the account's ERP whose present outcome it was not told."""
        statement = (
            sa.select(commands)
            .where(
                commands.c.account == account,
                commands.c.asked_by_erp,
                commands.c.told.is_distinct_from(commands.c.outcome),
                commands.c.told.is_distinct_from(sa.literal(_UNANSWERABLE) + commands.c.outcome),
            )
            .order_by(commands.c.updated_at)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def mark_told(self, command_id: str, outcome: str | None) -> None:
        """Note what the ERP was told of a command; None has it told again."""
        statement = sa.update(commands).where(commands.c.id == command_id).values(told=outcome)
        with self._database.writing() as connection:
            connection.execute(statement)

    def mark_unanswerable(self, command_id: str, outcome: str) -> None:
        """Note that the ERP does not take the answer with this outcome."""
        self.mark_told(command_id, f"{_UNANSWERABLE}{outcome}")

    def cancelled_by(self, account: str, order_id: str) -> str | None:
        """Name the source of the order's cancellation, where it was a command that VTEX took."""
        statement = sa.select(commands.c.source).where(
            commands.c.account == account,
            commands.c.order_id == order_id,
            commands.c.kind == "cancel",
            commands.c.progress != "accepted",
        )
        with self._database.reading() as connection:
            source: str | None = connection.execute(statement.limit(1)).scalar_one_or_none()
        return source

    def is_cancelling(self, account: str, order_id: str) -> bool:
        """Say whether a cancellation of the order was asked for and is not at its end."""
        statement = sa.select(commands.c.id).where(
            commands.c.account == account,
            commands.c.order_id == order_id,
            commands.c.kind == "cancel",
            commands.c.outcome == "accepted",
        )
        with self._database.reading() as connection:
            return connection.execute(statement.limit(1)).scalar_one_or_none() is not None

    def known(self, claim: CommandClaim) -> Known:
        """Say what the order's other commands have done or are about to do."""
        statement = sa.select(
            commands.c.kind,
            commands.c.progress,
            commands.c.outcome,
            commands.c.vtex_number,
            commands.c.value_cents,
            commands.c.body,
            commands.c.receipt,
        ).where(
            commands.c.account == claim.account,
            commands.c.order_id == claim.order_id,
            commands.c.id != claim.command_id,
        )
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(commands.c.updated_at)).all()
        sent_tracking: dict[str, list[TrackBody]] = defaultdict(list)
        for row in rows:
            if row.kind == "track" and row.progress == "done" and row.body not in ERASED:
                sent_tracking[row.vtex_number].append(TrackBody.model_validate_json(row.body))
        return Known(
            sent_invoices={
                row.vtex_number: row.value_cents
                for row in rows
                if row.kind == "invoice"
                and row.progress != "accepted"
                and row.value_cents is not None
                and '"type":"Input"' not in row.body
            },
            coming_invoices=frozenset(
                row.vtex_number
                for row in rows
                if (row.kind, row.progress, row.outcome) == ("invoice", "accepted", "accepted")
            ),
            receipts=frozenset(row.receipt for row in rows if row.receipt),
            is_changing=any(row.kind == "change" and row.progress == "sent" for row in rows),
            is_cancelling=any(row.kind == "cancel" and row.outcome == "accepted" for row in rows),
            is_to_change=any(row.kind == "change" and row.outcome == "accepted" for row in rows),
            sent_tracking=sent_tracking,
        )
