"""The tasks of a process that alone cannot reach VTEX: what it gets is left to the others."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import structlog
from support.flow import STORE, Flow

from orders_sync.bootstrap import Services
from orders_sync.domain.steps import Dispatch
from orders_sync.errors import Unavailable
from orders_sync.traffic.traffic import Traffic
from orders_sync.worker.app import OrdersSyncApp, client_app

TASKS = ("orders_sync.inbound.tasks", "orders_sync.outbound.tasks")


@pytest.fixture
def flow(make_flow: Callable[..., Flow], broker: str, traffic: Traffic) -> Flow:
    return make_flow(traffic=traffic, broker_url=broker)


@pytest.fixture
def process(
    flow: Flow, traffic_of: Callable[[str], Traffic]
) -> Iterator[Callable[[str], OrdersSyncApp]]:
    """Make the app of one more process on the flow's ledger, with the real tasks."""
    made: list[OrdersSyncApp] = []

    def make(name: str) -> OrdersSyncApp:
        app = client_app(flow.settings, include=TASKS)
        app.loader.import_default_modules()
        app.finalize()
        services = Services(
            flow.settings,
            clock=flow.clock,
            random=random.Random(1),
            traffic=traffic_of(name),
            process=name,
            adapter=flow.adapter,
        )
        app._services = (os.getpid(), services)
        made.append(app)
        return app

    yield make
    for app in made:
        app.services.close()
        app.close()


def run(app: OrdersSyncApp, message: Dispatch) -> None:
    """Run the task of a message as a worker does."""
    ids = {"account": message.account, "order_id": message.order_id}
    if message.command_id is not None:
        ids["command_id"] = message.command_id
    app.tasks[message.step](**ids)


def is_sick(app: OrdersSyncApp) -> bool:
    assert app.services.traffic is not None
    return app.services.traffic.is_sick()


def make_sick(bad: OrdersSyncApp, good: OrdersSyncApp, flow: Flow) -> None:
    """Cut every call of one process, while those of another one succeed."""
    cut, answered = flow.in_handling(2)
    flow.poisoned.add(cut)
    for _ in range(100):
        with suppress(Unavailable):
            bad.services.vtex(STORE).get_order(cut)
        good.services.vtex(STORE).get_order(answered)
        flow.clock.advance(0.1)
        if is_sick(bad):
            return


def test_an_order_and_a_command_are_left_by_a_process_that_is_sick_of_vtex(
    flow: Flow, process: Callable[[str], OrdersSyncApp]
) -> None:
    bad, good = process("bad"), process("good")
    make_sick(bad, good, flow)
    [handled], [new] = flow.in_handling(), flow.box.create_orders(1)
    flow.poll()
    command_id = flow.ask("invoice", handled, {"number": "7"})
    read, send = flow.queue
    before = [flow.calls(order_id) for order_id in (new, handled)]

    with structlog.testing.capture_logs() as logged:
        run(bad, read)
        run(bad, send)

    assert is_sick(bad)
    assert [line["event"] for line in logged] == ["step.left_to_others"] * 2
    assert [flow.calls(order_id) for order_id in (new, handled)] == before
    rows = flow.order(new), flow.command(command_id)
    assert [(row["standing"], row["attempts"]) for row in rows] == [("active", 0)] * 2

    flow.queue.clear()
    flow.dispatch_due()
    assert set(flow.queue) == {read, send}
    for message in flow.queue:
        run(good, message)
    assert (flow.standing(new), flow.command(command_id)["standing"]) == ("done", "done")
