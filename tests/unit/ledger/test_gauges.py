from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from support.office import ORDER, Office
from support.turns import leave_poll

from orders_sync.domain.events import OrderEvent
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.gauges import LedgerState
from orders_sync.ledger.journal import Act, JournalLine
from orders_sync.testing.clock import SettableClock

STORE = "mystore"
INVOICE = {"number": "17"}


def event(order_id: str, state: str = "ready-for-handling", change: str = "1") -> OrderEvent:
    return OrderEvent(
        order_id=order_id,
        domain="Fulfillment",
        state=state,
        last_state="",
        current_change=change,
        event_id="e",
        handle=f"{order_id} {change}",
    )


def read(ledger: Ledger, clock: SettableClock, seconds: float = 480) -> LedgerState:
    recently = clock() - timedelta(seconds=seconds)
    return ledger.gauges.read(now=clock(), delivered_after=recently)


def add_endpoint(ledger: Ledger, clock: SettableClock, its_id: str, *events: str) -> None:
    wanted = frozenset(events) or None
    endpoint = Endpoint(its_id, "https://a.example/", wanted, None, "whsec_c2VjcmV0", clock())
    ledger.endpoints.add(endpoint, Act(clock(), "me"))


def claim(ledger: Ledger, clock: SettableClock, order_id: str) -> Claim:
    taken = ledger.orders.claim(STORE, order_id, Step.FETCH, owner="a", now=clock())
    assert taken is not None
    return taken


def entry(clock: SettableClock, order_id: str) -> JournalLine:
    return JournalLine(clock(), STORE, order_id, "step.done")


def complete(ledger: Ledger, clock: SettableClock, order_id: str, result: StepResult) -> None:
    claimed = claim(ledger, clock, order_id)
    ledger.orders.complete(claimed, result, entry(clock, order_id), now=clock())


def park(ledger: Ledger, clock: SettableClock, order_id: str) -> None:
    ledger.orders.park(
        claim(ledger, clock, order_id),
        entry(clock, order_id),
        cause="vtex.not_found",
        reason="no",
        hint="look",
        now=clock(),
    )


DONE = StepResult(Standing.DONE, progress=Progress.HANDLING)


def test_an_empty_ledger_has_nothing_to_show(ledger: Ledger, clock: SettableClock) -> None:
    assert read(ledger, clock) == LedgerState(clock())


def test_orders_are_counted_by_standing_and_parked_ones_by_cause(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [event(f"{number}-01") for number in range(4)], now=clock())
    park(ledger, clock, "0-01")
    complete(ledger, clock, "1-01", DONE)

    state = read(ledger, clock)

    assert state.orders == {(STORE, "active"): 2, (STORE, "parked"): 1}
    assert state.orders_parked == {(STORE, "orders.fetch", "vtex.not_found"): 1}


def test_the_lag_is_the_age_of_the_oldest_order_in_flight(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [event("1-01"), event("2-01")], now=clock())
    park(ledger, clock, "1-01")
    clock.advance(60)
    ledger.events.record(STORE, [event("3-01")], now=clock())
    complete(ledger, clock, "2-01", DONE)
    since = clock()
    clock.advance(60)

    assert read(ledger, clock).oldest_order == {(STORE,): since}


def test_an_order_that_comes_back_after_a_month_is_not_a_month_late(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.events.record(STORE, [event("1-01")], now=clock())
    complete(ledger, clock, "1-01", DONE)
    clock.advance(30 * 86_400)
    ledger.events.record(STORE, [event("1-01", "canceled", "2")], now=clock())

    assert read(ledger, clock).oldest_order == {(STORE,): clock()}


def test_an_order_without_an_event_is_as_old_as_it_is_known(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.look_again(STORE, "1-01", now=clock())
    since = clock()
    clock.advance(60)

    assert read(ledger, clock).oldest_order == {(STORE,): since}


def test_an_order_that_waits_for_vtex_is_not_late(ledger: Ledger, clock: SettableClock) -> None:
    ledger.events.record(STORE, [event("1-01")], now=clock())
    waiting = StepResult(
        Standing.WAITING, Step.FETCH, Progress.FETCHED, document=b"{}", due_in=3600
    )
    complete(ledger, clock, "1-01", waiting)

    state = read(ledger, clock)

    assert state.orders == {(STORE, "waiting"): 1}
    assert state.oldest_order == {}


def test_commands_are_counted_by_kind_and_standing(office: Office) -> None:
    parked = office.ask("cancel", {"reason": "no stock"})
    office.park(parked, "vtex.refused")
    asked_at = office.clock()
    office.ask("invoice", INVOICE)

    state = read(office.ledger, office.clock)

    assert state.commands == {(STORE, "cancel", "parked"): 1, (STORE, "invoice", "active"): 1}
    assert state.commands_parked == {(STORE, "cancel", "vtex.refused"): 1}
    assert state.oldest_command == {(STORE, "invoice"): asked_at + timedelta(seconds=1)}
    office.finish(office.ledger.inquiries.list_commands(order_id=ORDER, limit=1)[0]["id"])
    assert read(office.ledger, office.clock).oldest_command == {}


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        pytest.param(60, True, id="VTEX sent it a moment ago"),
        pytest.param(481, False, id="VTEX has not sent it for two time-outs"),
    ],
)
def test_the_oldest_event_is_one_that_vtex_still_sends(
    ledger: Ledger, clock: SettableClock, seconds: float, found: bool
) -> None:
    first_seen = clock()
    ledger.events.record(STORE, [event("1-01")], now=clock())
    clock.advance(240)
    ledger.events.record(STORE, [event("1-01")], now=clock())
    clock.advance(seconds)

    assert read(ledger, clock).oldest_event == ({(STORE,): first_seen} if found else {})


def test_an_acknowledged_event_is_not_old(ledger: Ledger, clock: SettableClock) -> None:
    ledger.events.record(STORE, [event("1-01")], now=clock())
    ledger.events.mark_acknowledged(STORE, ["1-01 1"], now=clock())

    assert read(ledger, clock).oldest_event == {}


def test_the_last_poll_is_known(ledger: Ledger, clock: SettableClock) -> None:
    leave_poll(ledger, STORE, at=clock(), due_in=0, succeeded=False)
    polled_at = clock()
    clock.advance(60)

    assert read(ledger, clock).polled == {(STORE,): polled_at}
    assert read(ledger, clock).feed_read == {}


def test_a_feed_that_is_read_rarely_is_not_late_before_it_is_due(
    ledger: Ledger, clock: SettableClock
) -> None:
    due_at = clock() + timedelta(seconds=15)
    leave_poll(ledger, STORE, at=clock(), due_in=15)
    clock.advance(10)

    assert read(ledger, clock).polled == {(STORE,): due_at}


def test_the_last_poll_that_read_the_feed_is_known(ledger: Ledger, clock: SettableClock) -> None:
    leave_poll(ledger, STORE, at=clock(), due_in=0)
    read_at = clock()
    clock.advance(60)
    leave_poll(ledger, STORE, at=clock(), due_in=0, succeeded=False)

    state = read(ledger, clock)

    assert (state.polled, state.feed_read) == ({(STORE,): clock()}, {(STORE,): read_at})


# PostgreSQL's planner reads small tables as a whole, and rightly.
@pytest.mark.parametrize("database", ["sqlite"])
def test_no_table_of_finished_work_is_read_as_a_whole(ledger: Ledger, clock: SettableClock) -> None:
    add_endpoint(ledger, clock, "ep_1")
    asked: list[str] = []
    sa.event.listen(
        ledger.database.engine,
        "before_cursor_execute",
        lambda *args: asked.append(_with_values(args[2], args[3])),
    )

    read(ledger, clock)

    with ledger.database.engine.connect() as connection:
        steps = [
            row.detail
            for statement in list(asked)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert len(asked) >= 8
    few = {"SCAN accounts", "SCAN endpoints", "SCAN anon_1"}
    assert {step for step in steps if step.startswith("SCAN")} - few <= {
        "SCAN deliveries USING COVERING INDEX ix_deliveries_due",
        "SCAN deliveries USING INDEX ix_deliveries_given_up",
        "SCAN events USING INDEX ix_events_unacknowledged",
    }


def _with_values(statement: str, values: tuple[object, ...]) -> str:
    for value in values:
        statement = statement.replace("?", f"'{value}'", 1)
    return statement


def test_why_work_waits_and_since_when_it_fails_is_told_by_step(
    ledger: Ledger, clock: SettableClock
) -> None:
    began = clock()
    ledger.orders.look_again(STORE, "a-01", now=began)
    for cause, counts in (("vtex.unavailable", True), ("traffic.breaker", False)):
        ledger.orders.defer(
            claim(ledger, clock, "a-01"),
            None,
            due_at=clock(),
            cause=cause,
            reason="no",
            counts=counts,
            now=clock(),
        )
        clock.advance(60)

    waiting = ledger.gauges.read_waiting()

    key = (STORE, "orders.fetch", "traffic.breaker")
    assert (waiting.orders, waiting.failing) == ({key: 1}, {key: began})


def test_what_waits_for_each_endpoint_and_which_are_off_is_counted(
    ledger: Ledger, clock: SettableClock, office: Office
) -> None:
    for its_id, *wanted in (("ep_all",), ("ep_off",), ("ep_few", "account.paused")):
        add_endpoint(ledger, clock, its_id, *wanted)
    office.park(office.ask("note", {"message": "Packed."}))
    since = clock()
    ledger.endpoints.disable("ep_off", Act(clock(), "me"))
    clock.advance(60)
    office.park(office.ask("note", {"message": "Gone."}))

    state = read(ledger, clock)

    assert state.events_waiting == {("ep_all",): 2, ("ep_off",): 1, ("ep_few",): 0}
    assert state.oldest_waiting == {("ep_all",): since, ("ep_off",): since}
    assert state.endpoints_off == {("ep_off", "person"): 1}
