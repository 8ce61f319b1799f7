from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.flow import STORE, Flow

from orders_sync.domain.steps import Dispatch
from orders_sync.errors import AuthFailed, OrdersSyncError, RateLimited, Unavailable
from orders_sync.ledger.searches import OrderSearch
from orders_sync.upkeep.backfill import Backfill, BackfillPlan, Tally
from orders_sync.upkeep.list_pages import OrderList
from orders_sync.vtex.orders import OrderFilter, OrderPage, OrderRow

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def filled(flow: Flow, days: int = 4, orders: int = 30) -> list[str]:
    """Orders of some days that the feed never told of."""
    order_ids = []
    for _ in range(days):
        order_ids += flow.box.create_orders(orders)
        flow.clock.advance(86_400)
    return order_ids


def plan(flow: Flow) -> BackfillPlan:
    return BackfillPlan(STORE, flow.clock() - timedelta(days=20), flow.clock() - timedelta(hours=1))


def backfill(flow: Flow, **changes: Any) -> Backfill:
    waited: list[float] = []
    options: dict[str, Any] = {
        "vtex": flow.services.vtex(STORE),
        "ledger": flow.services.ledger,
        "clock": flow.clock,
        "dispatch": flow.queue.extend,
        "pause": waited.append,
        "show": lambda _tally, _why: None,
        "in_flight": 1000,
        **changes,
    }
    return Backfill(**options)


class Failing:
    """VTEX's list, some of whose answers fail."""

    def __init__(self, vtex: OrderList, errors: Iterator[OrdersSyncError | None]) -> None:
        self._vtex = vtex
        self._errors = errors

    def list_orders(self, where: OrderFilter, **given: Any) -> OrderPage:
        error = next(self._errors, None)
        if error is not None:
            raise error
        return self._vtex.list_orders(where, **given)

    def iterate_orders(
        self, start: datetime, end: datetime, where: OrderFilter
    ) -> Iterator[OrderRow]:
        return self._vtex.iterate_orders(start, end, where)


def test_old_orders_go_the_ordinary_road(flow: Flow) -> None:
    order_ids = filled(flow)

    tally = backfill(flow).run(plan(flow))
    flow.drain()

    assert (tally.taken, tally.by_status) == (120, {"ready-for-handling": 120})
    assert set(flow.in_erp()) == set(order_ids)


def test_what_the_ledger_knows_is_left_alone(flow: Flow) -> None:
    known = set(flow.in_handling(3))
    order_ids = filled(flow)
    before = {each: flow.calls(each) for each in known}

    tally = backfill(flow).run(plan(flow))
    flow.drain()

    assert (tally.taken, tally.known) == (len(order_ids), 3)
    assert {each: flow.calls(each) for each in known} == before


def test_no_more_orders_are_on_their_way_than_may_be(flow: Flow) -> None:
    order_ids = filled(flow)
    most: list[int] = []

    def pause(_: float) -> None:
        most.append(flow.services.ledger.events.in_flight(STORE))
        flow.drain()

    backfill(flow, in_flight=15, pause=pause).run(plan(flow))
    flow.drain()

    assert max(most) == 15
    assert set(flow.in_erp()) == set(order_ids)


def test_a_person_is_told_why_it_waits(flow: Flow) -> None:
    filled(flow, days=1)
    told: list[str] = []

    def pause(_: float) -> None:
        flow.drain()

    def show(_: Tally, why: str) -> None:
        told.append(why)

    backfill(flow, in_flight=15, pause=pause, show=show).run(plan(flow))

    assert "15 orders are in flight" in told


class _Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", [0, 30, 100])
def test_one_that_is_killed_goes_on_from_there(flow: Flow, after: int) -> None:
    order_ids = filled(flow)
    wanted = plan(flow)

    def dispatch(following: Sequence[Dispatch]) -> None:
        for step in following:
            if len(flow.queue) >= after:
                raise _Killed(step)
            flow.queue.append(step)

    with pytest.raises(_Killed):
        backfill(flow, dispatch=dispatch).run(wanted)
    listed: list[str] = []
    tally = backfill(flow, show=lambda t, _: listed.append(str(t.position))).run(wanted)
    flow.clock.advance(600)
    flow.dispatch_due()
    flow.drain()

    assert tally.position >= wanted.end
    assert set(flow.in_erp()) == set(order_ids)
    assert {len(flow.calls(each, "start_handling")) for each in order_ids} == {1}


def test_one_that_was_done_asks_nothing(flow: Flow) -> None:
    filled(flow)
    wanted = plan(flow)
    done = backfill(flow).run(wanted)
    calls = len(flow.box.calls())

    again = backfill(flow).run(wanted)

    assert again == done
    assert len(flow.box.calls()) == calls


def test_a_dry_run_leaves_no_trace(flow: Flow) -> None:
    filled(flow)

    tally = backfill(flow).run(plan(flow), is_dry=True)

    assert tally.taken == 120
    assert not flow.queue
    assert not flow.services.ledger.searches.latest_orders(OrderSearch(), limit=1)
    assert backfill(flow).run(plan(flow)).taken == 120


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(lambda: RateLimited("slower", 7), 7, id="it is asked to wait"),
        pytest.param(lambda: Unavailable("gone", 9), 9, id="it fails and says for how long"),
        pytest.param(lambda: Unavailable("gone"), 5, id="it fails"),
    ],
)
def test_it_waits_for_vtex_and_goes_on(
    flow: Flow, error: Callable[[], OrdersSyncError], seconds: float
) -> None:
    filled(flow)
    waited: list[float] = []
    vtex = Failing(flow.services.vtex(STORE), iter([None, error(), None, error()]))

    tally = backfill(flow, vtex=vtex, pause=waited.append).run(plan(flow))

    assert (tally.taken, waited) == (120, [seconds, seconds])


@pytest.mark.parametrize(
    ("error", "most"),
    [
        pytest.param(Unavailable("gone"), 4, id="VTEX stays away"),
        pytest.param(AuthFailed("no"), 0, id="the credentials are refused"),
    ],
)
def test_it_gives_up_where_waiting_does_not_help(
    flow: Flow, error: OrdersSyncError, most: int
) -> None:
    filled(flow, days=1)
    waited: list[float] = []
    vtex = Failing(flow.services.vtex(STORE), iter([error] * 9))

    with pytest.raises(type(error)):
        backfill(flow, vtex=vtex, pause=waited.append).run(plan(flow))

    assert len(waited) == most
