"""A worker that stood still for longer than its lease, as one does in a frozen machine."""

from __future__ import annotations

import time
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


@pytest.mark.parametrize("is_overtaken", [True, False], ids=["overtaken", "not overtaken"])
def test_a_worker_that_stood_still_after_its_intent_writes_nothing_to_vtex(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, is_overtaken: bool
) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask("invoice", order_id, {"number": "1"})
    following = flow.queue.popleft()
    commands = flow.services.ledger.commands
    intend, read, passed = commands.intend, time.clock_gettime, 0.0

    def stand_still(*arguments: Any, **named: Any) -> None:
        nonlocal passed
        intend(*arguments, **named)
        passed = flow.settings.lease_seconds
        flow.clock.advance(passed)
        if is_overtaken:
            assert commands.claim(following, owner="another", now=flow.clock())

    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + passed)
    monkeypatch.setattr(commands, "intend", stand_still)
    flow.run_command(following, STEPS[Step(following.step)])
    is_written = "invoice" in flow.calls(order_id)
    monkeypatch.setattr(commands, "intend", intend)
    flow.clock.advance(flow.settings.lease_seconds)
    flow.settle(rounds=4)

    assert not is_written
    assert flow.calls(order_id).count("invoice") == 1
    assert flow.command(command_id)["outcome"] == "done"
