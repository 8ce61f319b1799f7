"""Commands of one order in a ledger, asked for, parked and done without a worker."""

from __future__ import annotations

from typing import Any

from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.ledger.acts import Act
from orders_sync.ledger.command_claims import CommandClaim, CommandResult
from orders_sync.ledger.journal import Entry
from orders_sync.outbound import decide
from orders_sync.outbound.accept import Desk, accept
from orders_sync.testing.clock import SettableClock

STORE = "mystore"
ORDER = "1172452900788-01"


class Office:
    """Commands of one order, asked for, parked and done."""

    def __init__(self, ledger: Ledger, clock: SettableClock) -> None:
        self.ledger = ledger
        self.clock = clock
        self.dispatched: list[Dispatch] = []

    def ask(self, kind: str, body: Any, key: str | None = None, order_id: str = ORDER) -> str:
        self.clock.advance(1)
        desk = Desk(
            self.ledger,
            self.clock,
            lambda: f"{len(self.ledger.inquiries.list_commands()):032x}",
            self.dispatched.append,
            10_000,
        )
        command = Command(kind, order_id, body, key)
        return accept(command, account=STORE, source="erp", desk=desk).command_id

    def claim(self, command_id: str) -> CommandClaim:
        step = Step(self.row(command_id)["next_step"])
        claim = self.ledger.commands.claim(command_id, step, owner="me", now=self.clock())
        assert claim is not None
        return claim

    def park(self, command_id: str, cause: str = "invoice.over_invoiced") -> None:
        self.ledger.commands.park(
            self.claim(command_id),
            self.entry,
            cause=cause,
            reason="no",
            hint="mend it",
            now=self.clock(),
        )

    def finish(self, command_id: str, result: CommandResult | None = None) -> None:
        done = CommandResult(Standing.DONE, "done", progress="done")
        claim = self.claim(command_id)
        self.ledger.commands.complete(claim, result or done, self.entry, now=self.clock())

    def row(self, command_id: str) -> dict[str, Any]:
        row = self.ledger.inquiries.command(command_id)
        assert row is not None
        return row

    def edit(self, command_id: str, body: Any, **changes: Any) -> Dispatch:
        given = {"order_id": None, "key": None, **changes}
        return decide.edit(
            command_id, body, ledger=self.ledger, max_bytes=10_000, act=self.act, **given
        )

    @property
    def act(self) -> Act:
        return Act(self.clock(), "ana", "she knows")

    @property
    def entry(self) -> Entry:
        return Entry(self.clock(), STORE, ORDER, "step.done")
