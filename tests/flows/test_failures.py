"""What goes wrong on the road, one thing at a time and then everything at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.flow import STORE, Flow

from orders_sync.bootstrap import Services
from orders_sync.domain.order import Order
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.erp.base import Receipt
from orders_sync.errors import (
    AuthFailed,
    ErpRefused,
    ErpUnavailable,
    ItemUnmapped,
    RateLimited,
    Unavailable,
)
from orders_sync.inbound import steps
from orders_sync.ledger.accounts import Chore
from orders_sync.sandbox import Dials


class KilledError(BaseException):
    """The process is gone: nothing of ours may run after it."""


def dying(
    work: Callable[[Claim, Services], StepResult], *, after: bool
) -> Callable[..., StepResult]:
    def die(claim: Claim, services: Services) -> StepResult:
        if after:
            work(claim, services)
        raise KilledError

    return die


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
@pytest.mark.parametrize("step", [Step.FETCH, Step.HAND_OVER, Step.START_HANDLING])
@pytest.mark.parametrize("goes_on", [False, True], ids=["a message a step", "one message"])
def test_a_crash_at_any_step_ends_with_one_erp_order_in_handling(
    flow: Flow, step: Step, after: bool, goes_on: bool
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.goes_on = goes_on
    flow.poll()
    while flow.queue[0].step is not step and not goes_on:
        flow.run(flow.queue.popleft())

    with pytest.raises(KilledError):
        flow.run(flow.queue.popleft(), {step: dying(steps.STEPS[step], after=after)})
    flow.settle(rounds=10)

    view = flow.box.order(order_id)
    assert flow.in_erp() == {order_id: "new"}
    assert view.status == "handling"
    assert view.start_handling_effects == 1
    assert flow.standing(order_id) == "done"


def test_an_order_that_vtex_cancels_while_the_erps_receipt_is_lost_is_cancelled_in_the_erp(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.run(flow.queue.popleft())
    with pytest.raises(KilledError):
        flow.run(
            flow.queue.popleft(), {Step.HAND_OVER: dying(steps.STEPS[Step.HAND_OVER], after=True)}
        )

    flow.box.cancel(order_id)
    flow.settle(rounds=10)

    assert flow.in_erp() == {order_id: "cancelled"}
    assert flow.standing(order_id) == "void"


@pytest.mark.parametrize(
    ("dial", "value"),
    [
        pytest.param("unavailable", 1.0, id="503"),
        pytest.param("server_error", 1.0, id="500 before or after the effect"),
        pytest.param("drop_before", 1.0, id="cut before the effect"),
        pytest.param("drop_after", 1.0, id="cut after the effect"),
        pytest.param("html_200", 1.0, id="the login page with a 200"),
        pytest.param("latency_min_seconds", 20.0, id="slower than the time-out"),
    ],
)
def test_a_failing_vtex_costs_time_only(flow: Flow, dial: str, value: float) -> None:
    orders = flow.box.create_orders(3)
    flow.poll()
    flow.run(flow.queue.popleft())

    setattr(flow.box.dials, dial, value)
    flow.box.dials.latency_max_seconds = value if dial == "latency_min_seconds" else 0.0
    flow.settle(rounds=4)
    during = {flow.standing(order_id) for order_id in orders}
    setattr(flow.box.dials, dial, 0.0)
    flow.box.dials.latency_max_seconds = 0.0
    flow.settle()

    assert "parked" not in during
    assert {flow.standing(order_id) for order_id in orders} == {"done"}
    assert set(flow.in_erp()) == set(orders)
    assert {flow.box.order(order_id).start_handling_effects for order_id in orders} == {1}


def test_after_a_lost_answer_the_effect_is_looked_for_before_the_call_is_repeated(
    flow: Flow,
) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.run(flow.queue.popleft())
    flow.run(flow.queue.popleft())

    flow.box.dials.drop_after = 1.0
    flow.drain()
    flow.box.dials.drop_after = 0.0
    flow.settle(rounds=5)

    assert flow.calls(order_id) == ["get_order", "start_handling", "get_order"]
    assert flow.standing(order_id) == "done"


def test_steps_that_keep_failing_are_parked_with_their_cause(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.box.dials.unavailable = 1.0

    flow.settle(rounds=60, seconds=600)

    order = flow.order(order_id)
    assert (order["standing"], order["cause"]) == ("parked", "vtex.unavailable")
    assert "Given up after 12 tries" in order["reason"]


def test_a_revoked_key_makes_orders_wait_without_using_up_tries(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.poll()
    flow.box.dials.forbidden = ["get_order", "feed_read"]
    flow.settle(rounds=50, seconds=120)
    waiting = flow.order(order_id)

    flow.box.dials.forbidden = []
    flow.settle(rounds=5, seconds=120)

    assert (waiting["standing"], waiting["cause"]) == ("waiting", "vtex.auth_failed")
    assert waiting["attempts"] == 0
    assert flow.standing(order_id) == "done"


@pytest.mark.parametrize(
    ("error", "rest"),
    [
        pytest.param(RateLimited("429", retry_after=45), 45, id="VTEX asks for 45 s"),
        pytest.param(AuthFailed("401"), 5, id="the key is refused"),
    ],
)
def test_a_failed_poll_keeps_the_next_ticks_away(
    flow: Flow, error: Exception, rest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.box.create_orders(1)

    def fail(max_lot: int = 10) -> list[object]:  # noqa: ARG001 - as the client's.
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(flow.services.vtex(STORE), "get_feed", fail)
        with pytest.raises(type(error)):
            flow.poll()
    flow.clock.advance(rest - 1)
    early = flow.due(Chore.POLL)
    flow.clock.advance(1)

    assert not early
    assert flow.due(Chore.POLL)


class ErpThat:
    """Makes an account's ERP answer as a test wants, and then as it did before."""

    def __init__(self, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.answer: Exception | None = None
        erp = flow.services.erp(STORE)
        place_order = erp.place_order

        def place(order: Order) -> Receipt:
            self.asked += 1
            if self.answer is not None:
                raise self.answer
            return place_order(order)

        monkeypatch.setattr(erp, "place_order", place)


def test_an_erp_that_is_away_for_an_hour_gets_everything_when_it_is_back(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = flow.box.create_orders(5)
    erp = ErpThat(flow, monkeypatch)
    erp.answer = ErpUnavailable("no connection to the ERP")
    flow.settle(rounds=30, seconds=120)
    waiting = {flow.standing(order_id) for order_id in orders}

    erp.answer = None
    flow.settle(rounds=20, seconds=120)

    assert waiting == {"waiting"}
    assert {flow.standing(order_id) for order_id in orders} == {"done"}
    assert {flow.box.order(order_id).status for order_id in orders} == {"handling"}


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        pytest.param(ErpRefused("credit limit reached"), "erp.refused", id="refused"),
        pytest.param(ItemUnmapped("880123"), "erp.item_unmapped", id="unmapped"),
    ],
)
def test_what_the_erp_refuses_is_parked_at_once_and_retried_by_a_person(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, refusal: Exception, cause: str
) -> None:
    [order_id] = flow.box.create_orders(1)
    erp = ErpThat(flow, monkeypatch)
    erp.answer = refusal
    flow.settle(rounds=10)
    parked = flow.order(order_id)
    asked = erp.asked

    erp.answer = None
    [following] = flow.services.ledger.orders.look_again(STORE, order_id, now=flow.clock())
    flow.queue.append(following)
    flow.settle(rounds=3)

    assert (parked["standing"], parked["cause"]) == ("parked", cause)
    assert asked == 1
    assert flow.standing(order_id) == "done"


def test_a_defect_in_an_adapter_is_tried_again_and_its_text_is_kept_nowhere(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [order_id] = flow.box.create_orders(1)
    erp = ErpThat(flow, monkeypatch)
    erp.answer = ValueError("cannot parse maria@example.com")

    flow.settle(rounds=3)

    order = flow.order(order_id)
    _, _, journal = flow.services.ledger.inquiries.story(STORE, order_id)
    assert (order["standing"], order["cause"]) == ("waiting", "unexpected.ValueError")
    assert "maria" not in f"{order} {journal} {caplog.text}"


@pytest.mark.parametrize("seed", range(8))
def test_under_wild_chaos_nothing_is_lost_doubled_or_unended(
    make_flow: Callable[..., Flow], seed: int
) -> None:
    flow = make_flow(dials=Dials())
    orders = flow.box.create_orders(20)
    voided = flow.box.create_orders(3, "canceled-early")
    wild = Dials.preset("wild")
    wild.handling_seconds = 1 + seed
    flow.box.dials.turn({name: getattr(wild, name) for name in wild.__slots__})

    flow.settle(rounds=60)
    flow.box.dials.turn({name: getattr(Dials(), name) for name in wild.__slots__})
    flow.settle(rounds=30)

    views = [flow.box.order(order_id) for order_id in orders]
    assert set(flow.in_erp()) == set(orders)
    assert {view.status for view in views} == {"handling"}
    assert {view.start_handling_effects for view in views} == {1}
    assert {flow.standing(order_id) for order_id in voided} == {"void"}
    assert flow.box.feed is not None
    assert (flow.box.feed.visible, flow.box.feed.in_flight) == (0, 0)


def test_what_the_erp_said_is_recorded_also_where_the_next_step_fails(flow: Flow) -> None:
    [order_id] = flow.box.create_orders(1)
    flow.goes_on = True
    flow.poll()

    def fail(*_: object) -> StepResult:
        raise Unavailable("start_handling: no connection to VTEX.")

    flow.run(flow.queue.popleft(), {Step.START_HANDLING: fail})

    order = flow.order(order_id)
    _, _, journal = flow.services.ledger.inquiries.story(STORE, order_id)
    assert (order["progress"], order["next_step"], order["attempts"]) == (
        "placed",
        "orders.start_handling",
        1,
    )
    assert order["erp_reference"] is not None
    assert [line["what"] for line in journal if line["step"]] == [
        "step.done",
        "step.done",
        "step.failed",
    ]
