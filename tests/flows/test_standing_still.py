"""A worker that stood still for longer than its lease, as one does in a frozen machine."""

from __future__ import annotations

from typing import Any

import pytest
from support.flow import Flow

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Step
from orders_sync.ledger.command_claims import CommandClaim, CommandResult
from orders_sync.outbound.steps import STEPS

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


@pytest.mark.parametrize(
    ("kind", "body", "written"),
    [
        pytest.param("invoice", {"number": "1"}, "invoice", id="an invoice"),
        pytest.param("cancel", {"reason": "Sem estoque"}, "cancel", id="a cancellation"),
        pytest.param("note", {"message": "Nota emitida"}, "add_interaction", id="a note"),
        pytest.param(
            "change",
            {"reason": "Desconto", "manual_discount_cents": 1},
            "create_change",
            id="a change",
        ),
    ],
)
def test_what_was_read_before_it_stood_still_is_not_written_after(
    flow: Flow, kind: str, body: dict[str, Any], written: str
) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask(kind, order_id, body)
    following = flow.queue.popleft()

    def stand_still(claim: CommandClaim, services: Services) -> CommandResult:
        flow.clock.advance(flow.settings.lease_seconds)
        return STEPS[Step(following.step)](claim, services)

    flow.run_command(following, stand_still)
    by_it = flow.calls(order_id).count(written)
    flow.clock.advance(flow.settings.lease_seconds)
    flow.settle(rounds=4)

    assert by_it == 0
    assert written in flow.calls(order_id)
    assert flow.command(command_id)["outcome"] == "done"
