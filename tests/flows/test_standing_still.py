"""A worker that stood still for longer than its lease, as one does in a frozen machine."""

from __future__ import annotations

from typing import Any

import pytest
from support.flow import Flow

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import CommandClaim, CommandResult, Step
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
@pytest.mark.parametrize("is_overtaken", [True, False], ids=["overtaken", "not overtaken"])
def test_a_worker_that_stood_still_writes_to_vtex_unless_another_took_over(
    flow: Flow, kind: str, body: dict[str, Any], written: str, is_overtaken: bool
) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask(kind, order_id, body)
    following = flow.queue.popleft()

    def stand_still(claim: CommandClaim, services: Services) -> CommandResult:
        flow.clock.advance(flow.settings.lease_seconds)
        if is_overtaken:
            commands = services.ledger.commands
            assert commands.claim(following, owner="another", now=flow.clock())
        return STEPS[Step(following.step)](claim, services)

    flow.run_command(following, stand_still)
    is_written = written in flow.calls(order_id)
    flow.clock.advance(flow.settings.lease_seconds)
    flow.settle(rounds=4)

    assert is_written is not is_overtaken
    assert written in flow.calls(order_id)
    assert flow.command(command_id)["outcome"] == "done"
