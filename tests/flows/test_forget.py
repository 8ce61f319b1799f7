from __future__ import annotations

import pytest
from support.flow import STORE, Flow

from orders_sync.ledger.decisions import DecisionRefused
from orders_sync.ledger.journal import Act
from orders_sync.ledger.retention import ERASED, Forgotten

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def forgotten(flow: Flow, order_id: str) -> Forgotten:
    act = Act(flow.clock(), "ana", "asked by letter")
    return flow.services.ledger.retention.forget_order(STORE, order_id, act)


def noted(flow: Flow, order_id: str) -> str:
    command_id = flow.ask("note", order_id, {"message": "Bruno called"})
    flow.drain()
    return command_id


def test_an_order_is_forgotten_and_its_facts_stay(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command_id = noted(flow, order_id)
    before = flow.order(order_id)

    done = forgotten(flow, order_id)

    assert done == Forgotten(documents=1, commands=1, given_up=0)
    assert flow.services.ledger.orders.document(STORE, order_id) is None
    assert flow.command(command_id)["body"] in ERASED
    assert flow.order(order_id) == {**before, "compare_at": None}
    [act] = flow.services.ledger.inquiries.acts(STORE, order_id)
    assert (act["who"], act["did"], act["why"]) == ("ana", "orders forget", "asked by letter")


def test_forgetting_twice_is_forgetting_once(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    forgotten(flow, order_id)

    assert forgotten(flow, order_id) == Forgotten(documents=0, commands=0, given_up=0)


def test_an_order_that_is_being_worked_on_is_not_forgotten(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()

    with pytest.raises(DecisionRefused, match="being worked on"):
        forgotten(flow, order_id)


def test_an_order_whose_command_is_on_its_way_is_not_forgotten(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command_id = flow.ask("note", order_id, {"message": "Bruno called"})

    with pytest.raises(DecisionRefused, match=command_id):
        forgotten(flow, order_id)
    assert "Bruno" in flow.command(command_id)["body"]


def test_an_order_that_nobody_knows_cannot_be_forgotten(flow: Flow) -> None:
    with pytest.raises(DecisionRefused, match="knows nothing"):
        forgotten(flow, "nope-01")


def test_what_is_parked_is_given_up_and_the_erp_is_told(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    body = {"number": "8", "value_cents": 999_999_999}
    command_id = flow.ask("invoice", order_id, body, key="erp-1", source="erp")
    flow.drain()
    found = flow.services.ledger.retention.forgettable(STORE, order_id, now=flow.clock())

    done = forgotten(flow, order_id)

    command = flow.command(command_id)
    assert found.parked_commands == [command_id]
    assert done.given_up == 1
    assert (command["standing"], command["cause"]) == ("void", "order.forgotten")
    assert (command["outcome"], command["told"]) == ("refused", None)
    assert command["body"] in ERASED


def test_a_parked_order_is_void_and_a_new_event_takes_it_up_again(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1, "malformed")
    flow.poll()
    flow.drain()
    assert flow.standing(order_id) == "parked"

    done = forgotten(flow, order_id)

    assert done.given_up == 1
    assert (flow.order(order_id)["cause"], flow.standing(order_id)) == ("order.forgotten", "void")
    assert flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())


def test_a_command_of_an_order_that_was_never_heard_of_can_be_forgotten(flow: Flow) -> None:
    command_id = flow.ask("invoice", "x-01", {"nubmer": "Bruno"})

    done = forgotten(flow, "x-01")

    assert done == Forgotten(documents=0, commands=1, given_up=1)
    assert "Bruno" not in str(flow.command(command_id))
