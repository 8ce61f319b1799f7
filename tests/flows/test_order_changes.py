"""What changes in VTEX after the hand-over reaches the ERP once, in order, and is no echo."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.flow import STORE, Flow
from support.order_documents import client_in
from support.reconciling import HOURS, journalled, later, reconciled

from orders_sync.bootstrap import Services
from orders_sync.commands.change import ChangeBody
from orders_sync.domain.differences import Changes, LineState
from orders_sync.domain.order import Order
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.erp.base import ChangeAnswer, Receipt
from orders_sync.errors import ErpRefused, ErpUnavailable
from orders_sync.inbound import steps
from orders_sync.ledger.journal import Act
from orders_sync.outbound import decide
from orders_sync.sandbox import LineView

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)

TAKE = "UPDATE erp_orders SET taken_at = placed_at, taken_revision = revision"
TAKE_WITH_CHANGES = f"{TAKE}, takes_changes = TRUE"


class KilledError(BaseException):
    """The process is gone: nothing of ours may run after it."""


class Heard:
    """An ERP that keeps what it was told, in the place of the flow's own."""

    def __init__(self, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
        self.erp = flow.services.erp(STORE)
        self.changes: list[Changes] = []
        self.failure: Exception | None = None
        self.lost: Exception | None = None
        self.answer: ChangeAnswer | None = None
        self._take = self.erp.order_changed
        monkeypatch.setattr(self.erp, "order_changed", self._hear)

    def _hear(self, order: Order, what: Changes) -> ChangeAnswer:
        if self.failure is not None:
            raise self.failure
        self.changes.append(what)
        answer = self._take(order, what) if self.answer is None else self.answer
        if self.lost is not None:
            raise self.lost
        return answer

    @property
    def revisions(self) -> list[int]:
        return [changes.revision for changes in self.changes]


@pytest.fixture
def heard(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Heard:
    return Heard(flow, monkeypatch)


def in_handling(flow: Flow) -> str:
    """Return an order, delivered at home, whose first line alone has its SKU, several pieces."""
    for order_id in flow.in_handling(12):
        first, *others = flow.box.order(order_id).lines
        is_alone = first.sku not in {line.sku for line in others}
        if others and first.quantity > 1 and is_alone and flow.box.edit(order_id, "window"):
            read(flow, order_id)
            return order_id
    pytest.fail("No such order was drawn.")


def read(flow: Flow, order_id: str) -> None:
    """Have an order read as by `orders-sync sync`, and do what follows."""
    flow.queue += flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())
    flow.drain()


def erp_revision(flow: Flow, order_id: str) -> int:
    [(revision,)] = flow.erp_reads(
        "SELECT revision FROM erp_orders WHERE order_id = :id", id=order_id
    )
    return int(revision)


def erp_lines(flow: Flow, order_id: str) -> list[tuple[Any, ...]]:
    return flow.erp_reads(
        "SELECT sku, quantity, total_cents FROM erp_order_lines WHERE order_id = :id "
        "ORDER BY line_index",
        id=order_id,
    )


def in_vtex(flow: Flow, order_id: str) -> list[tuple[str, int, int]]:
    return [(line.sku, line.quantity, line.total) for line in flow.box.order(order_id).lines]


def removal(line: LineView, reason: str = "Sem estoque") -> dict[str, Any]:
    item = {"line_id": line.line_id, "sku": line.sku, "quantity": 1}
    return {"reason": reason, "remove": [item]}


def somebody_removes(flow: Flow, order_id: str, line: LineView, reason: str) -> None:
    """Let a person take a piece out, by VTEX's API."""
    body = ChangeBody.model_validate(removal(line, reason))
    client_in(flow.box).create_change(order_id, body)


def revisions(flow: Flow, order_id: str) -> tuple[int | None, int | None]:
    order = flow.order(order_id)
    return order["revision"], order["erp_revision"]


def test_a_read_of_an_order_that_changed_has_its_erp_told(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    before = erp_revision(flow, order_id)

    flow.box.edit(order_id, "items")
    read(flow, order_id)

    assert erp_lines(flow, order_id) == in_vtex(flow, order_id)
    assert erp_revision(flow, order_id) == before + 1 == heard.revisions[-1]
    assert flow.standing(order_id) == "done"
    assert revisions(flow, order_id) == (before + 1, before + 1)
    notes = journalled(flow, order_id, "step.done")
    assert any(note and "taken: value" in note for note in notes)


def test_each_change_is_told_once_and_in_order(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    for part in ("address", "carrier", "authorization", "items"):
        flow.box.edit(order_id, part)
        read(flow, order_id)
        read(flow, order_id)

    parts = [{row.part.value for row in what.deliveries} for what in heard.changes]
    assert parts == [{"delivery address"}, {"carrier"}, set(), set()]
    assert heard.changes[2].payments
    assert heard.changes[3].lines
    assert heard.revisions == sorted(set(heard.revisions))


def test_what_is_only_status_or_our_own_invoice_is_no_change(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    flow.ask("invoice", order_id, {"number": "7", "tracking_number": "BR1", "courier": "Jet"})
    flow.settle(rounds=5)
    read(flow, order_id)

    assert flow.box.order(order_id).status == "invoiced"
    assert heard.changes == []
    assert flow.order(order_id)["compare_at"] is None


def test_an_erp_that_takes_no_changes_costs_nothing(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow(erp_options={"changes": "ignore"})
    [order_id] = flow.in_handling()
    before = flow.calls(order_id)
    for part in ("items", "address"):
        flow.box.edit(order_id, part)
    later(flow, 12 * HOURS)

    assert flow.calls(order_id) == before
    read(flow, order_id)
    order = flow.order(order_id)
    assert [order[name] for name in ("revision", "erp_revision", "value_cents", "compare_at")] == [
        None
    ] * 4
    assert order["standing"] == "done"


def test_reconciling_finds_another_value_in_vtexs_list(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    flow.clock.advance(HOURS / 4)
    flow.box.edit(order_id, "items")

    done = later(flow, HOURS / 4)

    assert done.found == {"order.changed": 1}
    assert len(heard.changes) == 1
    assert erp_lines(flow, order_id) == in_vtex(flow, order_id)
    assert later(flow, HOURS / 4).found == {}


def test_what_no_list_shows_is_found_by_a_look_now_and_then(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    flow.box.edit(order_id, "address")
    before = len(flow.calls(order_id, "get_order"))

    for _ in range(6 * 24 * 3):
        later(flow, 600)

    assert len(heard.changes) == 1
    # After 1, 2, 4, 8, 16 hours, then a day and another.
    assert 5 <= len(flow.calls(order_id, "get_order")) - before <= 10


def test_looks_are_bounded_by_what_is_in_flight(flow: Flow) -> None:
    flow.in_handling(8)
    flow.clock.advance(2 * HOURS)
    in_order = len(flow.box.calls())

    reconciled(flow, in_flight=4)
    flow.drain()

    reads = [call for call in flow.box.calls()[in_order:] if call.call == "get_order"]
    assert len(reads) == 2


def test_an_invoiced_order_is_looked_at_no_more(flow: Flow) -> None:
    order_id = in_handling(flow)
    flow.ask("invoice", order_id, {"number": "7"})
    flow.settle(rounds=3)
    later(flow, 30 * HOURS)
    before = flow.calls(order_id)

    later(flow, 30 * HOURS)

    assert flow.calls(order_id) == before


def test_a_forgotten_order_is_not_read_again_by_a_look(flow: Flow) -> None:
    order_id = in_handling(flow)
    flow.services.ledger.retention.forget_order(STORE, order_id, act(flow))
    flow.box.edit(order_id, "items")

    for _ in range(5):
        later(flow, 12 * HOURS)

    assert flow.services.ledger.orders.document(STORE, order_id) is None


def erp_asks_to_remove(flow: Flow, order_id: str, line: LineView) -> None:
    flow.erp_writes(
        "INSERT INTO erp_commands (account, order_id, kind, reason, body) "
        "VALUES (:account, :id, 'change', 'Sem estoque', :body)",
        account=STORE,
        id=order_id,
        body=json.dumps({"remove": [{"line_id": line.line_id, "quantity": 1}]}),
    )


def test_a_change_that_the_erp_asked_for_is_not_told(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    before = erp_lines(flow, order_id)
    [revision, _] = revisions(flow, order_id)

    erp_asks_to_remove(flow, order_id, flow.box.order(order_id).lines[0])
    flow.settle(rounds=10)

    assert erp_lines(flow, order_id) == before != in_vtex(flow, order_id)
    assert heard.changes == []
    assert revisions(flow, order_id) == ((revision or 0) + 1, (revision or 0) + 1)
    assert "the ERP had asked for it" in f"{journalled(flow, order_id, 'step.done')}"


@pytest.mark.parametrize("first", ["erp", "person"])
def test_an_echo_does_not_hide_anothers_change(flow: Flow, heard: Heard, first: str) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    lines = flow.box.order(order_id).lines
    if first == "person":
        somebody_removes(flow, order_id, lines[-1], "Cliente pediu")
    erp_asks_to_remove(flow, order_id, lines[0])
    flow.settle(rounds=2, seconds=3)
    if first == "erp":
        somebody_removes(flow, order_id, lines[-1], "Cliente pediu")
    flow.settle(rounds=10)
    read(flow, order_id)

    [what] = heard.changes
    moved = [(row.sku, pieces(row.before) - pieces(row.after)) for row in what.lines]
    assert [row for row in moved if row[1]] == [(lines[-1].sku, 1)]


def pieces(state: LineState | None) -> int:
    return state.quantity if state else 0


def test_a_change_by_another_service_is_told_once_vtex_shows_it(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    flow.ask("change", order_id, removal(flow.box.order(order_id).lines[0]))
    flow.settle(rounds=2, seconds=4)
    waiting = flow.order(order_id)
    flow.settle(rounds=5)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "vtex.changing")
    assert len(heard.changes) == 1
    assert erp_lines(flow, order_id) == in_vtex(flow, order_id)
    assert flow.standing(order_id) == "done"


def test_a_change_of_the_erps_that_a_person_edited_is_told(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    lines = flow.box.order(order_id).lines
    erp_asks = {"reason": "Sem estoque", "remove": [{"sku": "nosuch", "quantity": 1}]}
    command_id = flow.ask("change", order_id, erp_asks, source="erp")
    flow.drain()
    assert flow.command(command_id)["standing"] == "parked"

    flow.queue += decide.edit(
        command_id,
        {"reason": "Sem estoque", "remove": [{"line_id": lines[0].line_id, "quantity": 1}]},
        order_id=None,
        key=None,
        ledger=flow.services.ledger,
        max_bytes=10_000,
        act=act(flow),
    )
    flow.settle(rounds=10)

    assert flow.command(command_id)["outcome"] == "done"
    assert len(heard.changes) == 1


def act(flow: Flow) -> Act:
    return Act(flow.clock(), "ana", "settled with the warehouse")


def too_late(flow: Flow) -> str:
    """Return an order that changed after the ERP had taken it for good."""
    order_id = in_handling(flow)
    flow.erp_writes(TAKE)
    flow.box.edit(order_id, "address")
    read(flow, order_id)
    return order_id


def test_what_is_too_late_is_parked_and_says_what_differs(flow: Flow) -> None:
    order_id = too_late(flow)

    order = flow.order(order_id)
    assert (order["standing"], order["cause"]) == ("parked", "erp.changed_too_late")
    assert "delivery address" in order["hint"]
    assert "discard" in order["hint"]
    texts = f"{order['hint']} {order['reason']} {journalled(flow, order_id, 'step.done')}"
    assert not any(text in texts for text in flow.box.people())


def test_a_retry_asks_the_erp_again(flow: Flow, heard: Heard) -> None:
    order_id = too_late(flow)
    revision = heard.revisions[-1]
    flow.erp_writes("UPDATE erp_orders SET takes_changes = TRUE")

    read(flow, order_id)

    assert flow.standing(order_id) == "done"
    assert heard.revisions[-2:] == [revision, revision]
    assert erp_revision(flow, order_id) == revision


def test_a_change_that_a_person_settled_is_not_asked_about_again(flow: Flow, heard: Heard) -> None:
    order_id = too_late(flow)
    flow.queue += flow.services.ledger.decisions.discard_order(STORE, order_id, act(flow))
    flow.drain()
    settled, told = flow.order(order_id), len(heard.changes)

    read(flow, order_id)
    later(flow, 12 * HOURS)
    again = len(heard.changes)
    flow.box.edit(order_id, "carrier")
    read(flow, order_id)

    assert (settled["standing"], settled["cause"]) == ("done", None)
    assert settled["progress"] == "handling"
    assert again == told
    assert {row.part.value for row in heard.changes[-1].deliveries} == {"carrier"}
    assert flow.order(order_id)["cause"] == "erp.changed_too_late"
    assert flow.box.order(order_id).status == "handling"


def test_a_parked_change_does_not_hold_the_orders_commands(flow: Flow) -> None:
    order_id = too_late(flow)

    flow.ask("invoice", order_id, {"number": "7"})
    flow.settle(rounds=3)

    assert flow.box.order(order_id).invoices_total == flow.box.order(order_id).value


def test_looks_do_not_ask_about_a_parked_change_again(flow: Flow, heard: Heard) -> None:
    too_late(flow)
    told = len(heard.changes)

    for _ in range(12):
        later(flow, HOURS)

    assert len(heard.changes) == told


def test_what_the_erp_ignores_is_not_told_again(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    heard.answer = ChangeAnswer.IGNORED
    flow.box.edit(order_id, "address")

    read(flow, order_id)
    read(flow, order_id)
    flow.box.edit(order_id, "carrier")
    read(flow, order_id)

    parts = [{row.part.value for row in what.deliveries} for what in heard.changes]
    assert parts == [{"delivery address"}, {"carrier"}]
    assert flow.standing(order_id) == "done"


def dying(step: Step, *, after: bool) -> dict[Step, Callable[[Claim, Services], StepResult]]:
    def die(claim: Claim, services: Services) -> StepResult:
        if after:
            steps.STEPS[step](claim, services)
        raise KilledError

    return {step: die}


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the answer"])
@pytest.mark.parametrize("changes_meanwhile", [False, True])
def test_a_worker_that_dies_while_it_tells_is_followed_by_one_that_tells_the_same(
    flow: Flow, heard: Heard, after: bool, changes_meanwhile: bool
) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    flow.box.edit(order_id, "items")
    flow.queue += flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())
    flow.run(flow.queue.popleft())

    with pytest.raises(KilledError):
        flow.run(flow.queue.popleft(), dying(Step.TELL_CHANGE, after=after))
    if changes_meanwhile:
        flow.box.edit(order_id, "address")
    flow.settle(rounds=10)
    read(flow, order_id)

    told = heard.changes[after:]
    assert erp_lines(flow, order_id) == in_vtex(flow, order_id)
    assert heard.revisions[:1] == [heard.revisions[-1] - changes_meanwhile]
    assert len(told) == 1 + changes_meanwhile or (after and changes_meanwhile and len(told) == 1)
    assert flow.standing(order_id) == "done"
    rows = flow.erp_reads("SELECT revision, change_index FROM erp_order_changes")
    assert len(rows) == len(set(rows))


def test_an_order_that_changes_back_while_the_answer_is_lost_ends_as_it_is(
    flow: Flow, heard: Heard
) -> None:
    """The ERP has the revision that VTEX took back, and nobody knows."""
    order_id = in_handling(flow)
    heard.changes.clear()
    document = flow.box._oms.orders[order_id].document
    seen = [carrier_in_erp(flow, order_id)]
    flow.box.edit(order_id, "carrier")
    heard.lost = ErpUnavailable("the answer was lost")
    read(flow, order_id)
    heard.lost = None
    seen.append(carrier_in_erp(flow, order_id))

    flow.box._oms.orders[order_id].rewrite(document)
    read(flow, order_id)
    seen.append(carrier_in_erp(flow, order_id))

    assert seen[0] == seen[2] != seen[1]
    assert [what.is_empty for what in heard.changes] == [False, True]
    assert heard.revisions == [heard.revisions[0], heard.revisions[0] + 1]
    assert flow.standing(order_id) == "done"


def carrier_in_erp(flow: Flow, order_id: str) -> set[str]:
    query = "SELECT delivery_company FROM erp_order_lines WHERE order_id = :id"
    return {row[0] for row in flow.erp_reads(query, id=order_id)}


def test_an_order_that_changed_while_its_receipt_was_lost_is_told_as_changed(
    flow: Flow, heard: Heard
) -> None:
    for order_id in flow.box.create_orders(20):
        if flow.box.edit(order_id, "address"):
            break
    flow.poll()
    while True:
        message = flow.queue.popleft()
        if message.order_id == order_id and message.step is Step.HAND_OVER:
            break
        flow.run(message)
    with pytest.raises(KilledError):
        flow.run(message, dying(Step.HAND_OVER, after=True))
    flow.box.edit(order_id, "address")
    flow.clock.advance(1300)
    flow.settle(rounds=10)

    [street] = flow.erp_reads(
        "SELECT ship_street FROM erp_orders WHERE order_id = :id", id=order_id
    )
    assert street == (flow.box._oms.orders[order_id].document.person.street,)
    assert [what.revision for what in heard.changes] == [2]
    assert flow.standing(order_id) == "done"
    assert flow.box.order(order_id).start_handling_effects == 1


def test_an_order_that_changes_between_the_hand_over_and_its_handling_is_told(
    flow: Flow, heard: Heard
) -> None:
    for order_id in flow.box.create_orders(20):
        if flow.box.edit(order_id, "address"):
            break
    flow.poll()
    flow.cut_answers_to("POST")
    flow.drain()
    flow.cut_answers_to(None)
    flow.box.edit(order_id, "carrier")
    flow.settle(rounds=10)

    assert [what.revision for what in heard.changes] == [2]
    assert flow.standing(order_id) == "done"
    assert flow.box.order(order_id).start_handling_effects == 1


def test_an_order_that_is_cancelled_before_it_is_told_gets_no_change(
    flow: Flow, heard: Heard
) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    heard.failure = ErpUnavailable("away")
    flow.box.edit(order_id, "address")
    read(flow, order_id)
    waiting = flow.order(order_id)
    flow.box.cancel(order_id)
    heard.failure = None
    flow.settle(rounds=20)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "erp.unavailable")
    assert heard.changes == []
    assert flow.in_erp()[order_id] == "cancelled"
    assert flow.standing(order_id) == "void"


def test_a_change_that_waited_long_for_the_erp_is_read_again(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.changes.clear()
    heard.failure = ErpUnavailable("away", retry_after=1800)
    flow.box.edit(order_id, "address")
    read(flow, order_id)
    flow.box.edit(order_id, "carrier")
    heard.failure = None
    flow.settle(rounds=3, seconds=1900)

    [what] = heard.changes
    assert {row.part.value for row in what.deliveries} == {"delivery address", "carrier"}
    assert flow.standing(order_id) == "done"


def test_a_change_that_the_erp_refuses_is_parked_in_its_words(flow: Flow, heard: Heard) -> None:
    order_id = in_handling(flow)
    heard.failure = ErpRefused("no such carrier")
    flow.box.edit(order_id, "carrier")
    read(flow, order_id)
    parked = flow.order(order_id)
    flow.queue += flow.services.ledger.decisions.discard_order(STORE, order_id, act(flow))
    flow.drain()

    assert (parked["standing"], parked["cause"]) == ("parked", "erp.refused")
    assert flow.standing(order_id) == "done"


def test_an_order_placed_before_anybody_compared_is_compared_from_its_next_read_on(
    make_flow: Callable[..., Flow],
) -> None:
    flow = make_flow(erp_options={"changes": "ignore"})
    order_ids = flow.in_handling(12)
    order_id = next(it for it in order_ids if flow.box.edit(it, "carrier"))
    again = make_flow()
    again.box = again.adapter._box = flow.box

    read(again, order_id)
    before = revisions(again, order_id)
    again.box.edit(order_id, "carrier")
    read(again, order_id)

    assert before == (1, 1)
    assert revisions(again, order_id) == (2, 2)
    assert erp_revision(again, order_id) == 2


def test_an_erp_that_takes_changes_no_more_is_left_alone(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow()
    order_id = in_handling(flow)
    without = make_flow(erp_options={"changes": "ignore"})
    without.box = without.adapter._box = flow.box
    flow.box.edit(order_id, "carrier")
    read(without, order_id)

    order = without.order(order_id)
    assert (order["standing"], order["compare_at"]) == ("done", None)


def test_a_late_order_is_placed_as_it_is(flow: Flow, heard: Heard, monkeypatch: Any) -> None:
    """It was never offered before, and changed while it waited for its turn."""
    [order_id] = flow.box.create_orders(1)
    erp = flow.services.erp(STORE)
    place = erp.place_order
    flow.poll()
    flow.run(flow.queue.popleft())
    flow.queue.clear()
    placed: list[Order] = []

    def keep(order: Order) -> Receipt:
        placed.append(order)
        return place(order)

    monkeypatch.setattr(erp, "place_order", keep)
    flow.clock.advance(1300)
    flow.dispatch_due()
    flow.drain()

    assert len(placed) == 1
    assert heard.changes == []
    assert revisions(flow, order_id) == (1, 1)


def test_an_event_of_handling_is_news_where_the_erp_takes_changes(
    make_flow: Callable[..., Flow],
) -> None:
    statuses = ("ready-for-handling", "handling", "canceled")
    flow = make_flow(feed={"statuses": statuses})
    order_id = in_handling(flow)
    before = len(flow.calls(order_id, "get_order"))
    flow.settle(rounds=3)

    assert len(flow.calls(order_id, "get_order")) == before + 1
