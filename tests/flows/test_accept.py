"""The four ways in meet in one `accept`; here the ERP's tables and plain rubbish."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from support.flow import STORE, Flow

from orders_sync.domain.commands import Command, Outcome
from orders_sync.erp.base import BulkErp, CommandOutcome
from orders_sync.errors import ErpRefused
from orders_sync.outbound.steps import send

INSERT = """
INSERT INTO erp_commands (account, order_id, kind, body)
VALUES (:account, :order, :kind, :body)
"""


def write(flow: Flow, kind: str, order_id: str, body: Any) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    flow.erp_writes(INSERT, account=STORE, order=order_id, kind=kind, body=text)


def answers(flow: Flow) -> list[tuple[Any, ...]]:
    return flow.erp_reads("SELECT kind, state, receipt IS NOT NULL FROM erp_commands ORDER BY id")


def test_what_the_erp_writes_by_sql_takes_effect_and_is_answered(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    write(flow, "track", order_id, {"invoice_number": "1", "tracking_number": "BR1"})
    write(flow, "invoice", order_id, {"number": "1"})

    flow.settle(rounds=5)

    assert flow.box.order(order_id).status == "invoiced"
    assert answers(flow) == [("track", "done", 1), ("invoice", "done", 1)]


def test_a_command_of_the_erp_is_answered_as_accepted_as_soon_as_it_is_kept(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    write(flow, "invoice", order_id, {"number": "1"})

    accepted = flow.pull()

    assert accepted == 1
    assert answers(flow) == [("invoice", "accepted", 0)]


def test_an_answer_that_the_erp_does_not_take_stops_no_other(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = flow.in_handling(2)
    erp = flow.services.erp(STORE)
    assert isinstance(erp, BulkErp)
    answer, answer_all = erp.answer, erp.answer_all

    def fail(command: Command, outcome: Outcome) -> None:
        if command.order_id == first:
            raise ErpRefused("no such row")
        answer(command, outcome)

    def fail_all(answers: Sequence[CommandOutcome]) -> None:
        if any(command.order_id == first for command, _ in answers):
            raise ErpRefused("no such row among them")
        answer_all(answers)

    write(flow, "invoice", first, {"number": "1"})
    write(flow, "invoice", second, {"number": "1"})
    monkeypatch.setattr(erp, "answer", fail)
    monkeypatch.setattr(erp, "answer_all", fail_all)
    flow.settle(rounds=5)
    one_is_told = answers(flow)

    monkeypatch.undo()
    flow.settle(rounds=2)

    assert one_is_told == [("invoice", "new", 0), ("invoice", "done", 1)]
    assert answers(flow) == [("invoice", "done", 1), ("invoice", "done", 1)]


def test_an_answer_that_was_lost_is_given_again_as_things_are_now(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    [order_id] = flow.in_handling()
    write(flow, "invoice", order_id, {"number": "1"})
    with monkeypatch.context() as lost:
        lost.setattr(flow.services.erp(STORE), "answer", lambda *_: None)
        flow.pull()
        flow.drain()
        flow.pull()

    again = flow.pull()

    assert again == 0
    assert answers(flow) == [("invoice", "done", 1)]
    assert flow.calls(order_id, "invoice") == ["invoice"]


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        pytest.param("invoice", "{number: 1}", "body", id="not JSON"),
        pytest.param("invoice", [1, 2], "body", id="not an object"),
        pytest.param("invoice", {}, "number: is missing", id="a field is missing"),
        pytest.param("invoice", {"number": " / "}, "number", id="a number without a letter"),
        pytest.param("invoice", {"number": "1", "valor": 3}, "valor", id="a field nobody knows"),
        pytest.param(
            "invoice",
            {"number": "1", "items": [{"quantity": 1}]},
            "items.0: give line_id or sku",
            id="deep inside",
        ),
        pytest.param("track", {"invoice_number": "1"}, "tracking_number", id="says nothing"),
        pytest.param("cancel", {"reason": ""}, "reason", id="an empty reason"),
        pytest.param("ship", {}, "expected one of invoice", id="no command"),
        pytest.param("change", {"reason": "r"}, "give add", id="changes nothing"),
    ],
)
def test_rubbish_is_refused_with_the_fields_path_and_is_kept_where_people_see_it(
    flow: Flow, kind: str, body: Any, words: str
) -> None:
    [order_id] = flow.in_handling()
    write(flow, kind, order_id, body)

    flow.settle(rounds=3)

    [(state, answer)] = flow.erp_reads("SELECT state, answer FROM erp_commands")
    [parked] = flow.services.ledger.inquiries.list_commands(cause="command.invalid")
    assert state == "refused"
    assert words in answer
    assert parked["standing"] == "parked"
    # The ERP reads its column's name where the body's field has another.
    assert parked["reason"] == answer.replace("invoice_number: ", "number: ", kind == "invoice")
    assert flow.calls(order_id, "invoice") == []


def test_the_same_rubbish_again_is_kept_once(flow: Flow) -> None:
    commands = {flow.ask("invoice", "1-01", {"nonsense": 1}) for _ in range(5)}

    assert len(commands) == 1


def test_a_body_over_the_bound_is_refused_and_not_kept(flow: Flow) -> None:
    command = flow.ask("note", "1-01", {"message": "x" * 2_000_000})

    row = flow.command(command)
    assert row["cause"] == "command.too_large"
    assert "ORDERS_SYNC_MAX_COMMAND_BYTES" in row["reason"]
    assert len(row["body"]) < 100


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"reason": "\ud800"}, id="half a character"),
        pytest.param({"reason": "a\u0000b"}, id="a null character"),
        pytest.param({"reason": float("nan")}, id="not a number"),
    ],
)
def test_what_a_database_would_choke_on_is_refused_or_kept_and_never_raises(
    flow: Flow, body: dict[str, Any]
) -> None:
    command = flow.ask("cancel", "1-01", body)

    assert flow.command(command)["standing"] in {"parked", "active"}


def test_an_order_is_read_now_where_that_is_asked_for(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)

    flow.ask("sync", order_id, {})
    flow.drain()

    assert flow.in_erp() == {order_id: "new"}
    assert flow.standing(order_id) == "done"


def test_commands_whose_messages_were_lost_are_dispatched_again(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    command = flow.ask("invoice", order_id, {"number": "1"})
    flow.queue.clear()
    flow.clock.advance(5)

    flow.dispatch_due()
    flow.drain()

    assert flow.command(command)["outcome"] == "done"


def test_an_order_nobody_has_heard_of_can_be_invoiced(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1, handling=True)

    command = flow.ask("invoice", order_id, {"number": "1"})
    flow.drain()

    assert flow.command(command)["outcome"] == "done"
    assert flow.box.order(order_id).start_handling_effects == 0


def test_while_a_command_is_sent_the_order_is_left_alone_and_then_goes_on(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    command = flow.ask("note", order_id, {"message": "hello"})
    ledger = flow.services.ledger
    read = flow.queue.popleft()
    claim = ledger.commands.claim(flow.queue[0], owner="another", now=flow.clock())
    assert claim is not None

    flow.run(read)
    during = flow.calls(order_id)
    flow.clock.advance(200)
    flow.settle(rounds=5)

    assert during == []
    assert flow.standing(order_id) == "done"
    assert flow.command(command)["outcome"] == "done"


def test_when_an_order_is_freed_the_next_in_line_is_dispatched_and_no_other(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    commands = []
    for number in range(3):
        flow.clock.advance(1)
        commands.append(flow.ask("note", order_id, {"message": f"{number}"}))
    first, *others = list(flow.queue)
    flow.queue.clear()

    def meanwhile(claim: Any, services: Any) -> Any:
        for message in others:
            flow.run(message)
        return send(claim, services)

    flow.run_command(first, meanwhile)

    assert [step.command_id for step in flow.queue] == [commands[1]]
    flow.drain()
    assert {flow.command(command)["outcome"] for command in commands} == {"done"}


def test_a_message_of_an_earlier_wait_reads_nothing(flow: Flow) -> None:
    [order_id] = flow.in_handling()
    flow.ask("track", order_id, {"invoice_number": "1", "tracking_number": "T"})
    message = flow.queue[0]
    flow.drain()
    reads = len(flow.calls(order_id))

    flow.clock.advance(5)
    flow.run(message)

    assert len(flow.calls(order_id)) == reads
