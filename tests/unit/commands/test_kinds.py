"""What is said of a kind elsewhere agrees with what the kind says of itself."""

from __future__ import annotations

import pytest

from orders_sync.cli import COMMANDS
from orders_sync.commands import KINDS, NAMED
from orders_sync.commands.kind import Kind
from orders_sync.domain.steps import Queue, Step
from orders_sync.outbound import steps, tasks
from orders_sync.outbound.steps import CALLS
from orders_sync.producer import Producer
from orders_sync.settings_parts import RetrySettings
from orders_sync.vtex.client import VtexClient
from orders_sync.vtex.resources import RESOURCES

SENT = [kind for kind in KINDS if kind.step]


def test_each_kind_has_its_name_its_task_and_its_steps_alone() -> None:
    assert len({kind.name for kind in KINDS}) == len({kind.step for kind in KINDS}) == len(KINDS)
    assert [task.name for task in tasks.INTAKE] == [kind.task for kind in KINDS]
    assert {task.name for task in tasks.SENDING} == set(steps.STEPS)


def test_each_kind_that_is_sent_has_its_call() -> None:
    assert set(CALLS) == {kind.name for kind in SENT}


@pytest.mark.parametrize("kind", SENT, ids=lambda kind: kind.name)
def test_vtex_has_a_method_and_a_permission_for_each_operation(kind: Kind) -> None:
    assert kind.operations
    assert all(callable(getattr(VtexClient, name, None)) for name in kind.operations)
    assert set(kind.operations) <= set(RESOURCES)


def test_each_queue_has_its_retry_policy() -> None:
    assert set(RetrySettings.model_fields) == {queue.value for queue in Queue}
    assert {step.queue for step in Step} < set(Queue)


def test_the_producer_and_the_command_line_know_each_kind() -> None:
    assert all(callable(getattr(Producer, name, None)) for name in NAMED)

    said = {name: COMMANDS[name][1] for name in NAMED if name in COMMANDS}
    assert said == {kind.name: kind.summary for kind in SENT}
