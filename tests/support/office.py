"""Commands of one order in a ledger, asked for, parked and done without a worker."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandClaim, CommandResult, Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act, JournalLine
from orders_sync.outbound import decide
from orders_sync.outbound.accept import Intake, Source, accept
from orders_sync.testing.clock import SettableClock

STORE = "mystore"
ORDER = "1172452900788-01"


class Office:
    """Commands of one order, asked for, parked and done."""

    def __init__(self, ledger: Ledger, clock: SettableClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.dispatched: list[Dispatch] = []
        self._ids = (f"{number:032x}" for number in itertools.count())

    @property
    def intake(self) -> Intake:
        return Intake(
            self.ledger, self.clock, lambda: next(self._ids), self.dispatched.extend, 10_000
        )

    def ask(
        self,
        kind: str,
        body: Any,
        key: str | None = None,
        order_id: str = ORDER,
        *,
        source: Source = "erp",
        not_before: datetime | None = None,
    ) -> str:
        self.clock.advance(1)
        command = Command(kind, order_id, body, key)
        accepted = accept(
            command, account=STORE, source=source, intake=self.intake, not_before=not_before
        )
        return accepted.command_id

    def message(self, command_id: str) -> Dispatch:
        row = self.row(command_id)
        return Dispatch(STORE, row["order_id"], Step(row["next_step"]), command_id)

    def try_claim(self, command_id: str, owner: str = "me") -> CommandClaim | None:
        message = self.message(command_id)
        return self.ledger.commands.claim(message, owner=owner, now=self.clock())

    def claim(self, command_id: str, owner: str = "me") -> CommandClaim:
        claim = self.try_claim(command_id, owner)
        assert claim is not None, f"{command_id} cannot be claimed"
        return claim

    def defer(self, command_id: str, seconds: float, *, counts: bool = True) -> Sequence[Dispatch]:
        return self.ledger.commands.defer(
            self.claim(command_id),
            self.entry,
            due_at=self.clock() + timedelta(seconds=seconds),
            cause="vtex.unavailable",
            reason="VTEX answered 503",
            counts=counts,
            now=self.clock(),
        )

    def park(self, command_id: str, cause: str = "invoice.over_invoiced") -> Sequence[Dispatch]:
        return self.ledger.commands.park(
            self.claim(command_id),
            self.entry,
            cause=cause,
            reason="no",
            hint="mend it",
            now=self.clock(),
        )

    def finish(self, command_id: str, result: CommandResult | None = None) -> Sequence[Dispatch]:
        done = CommandResult(Standing.DONE, "done", progress="done")
        claim = self.claim(command_id)
        return self.ledger.commands.complete(claim, result or done, self.entry, now=self.clock())

    def retry(self, command_id: str) -> Sequence[Dispatch]:
        return decide.retry(command_id, ledger=self.ledger, act=self.act)

    def row(self, command_id: str) -> dict[str, Any]:
        row = self.ledger.inquiries.command(command_id)
        assert row is not None
        return row

    def edit(self, command_id: str, body: Any, **changes: Any) -> Sequence[Dispatch]:
        given = {"order_id": None, "key": None, **changes}
        return decide.edit(
            command_id, body, ledger=self.ledger, max_bytes=10_000, act=self.act, **given
        )

    @property
    def act(self) -> Act:
        return Act(self.clock(), "ana", "she knows")

    @property
    def entry(self) -> JournalLine:
        return JournalLine(self.clock(), STORE, ORDER, "step.done")
