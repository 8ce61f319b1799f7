"""How many calls of an account may be made at its ERP in a minute, and what the ERP asks for."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import pytest
from unit.traffic.virtual_time import VirtualTime, hash_of

from orders_sync.embedded.broker import free_port
from orders_sync.errors import ErpRefused, ErpUnavailable, WaitError
from orders_sync.traffic.erp import ErpLimits
from orders_sync.traffic.shared import Shared, connect, key
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import ERP, ErpOnHold, ErpOverBudget, Gates

MakeTraffic = Callable[..., Traffic]

BUDGET = 60


@pytest.fixture
def traffic_of(process: Callable[..., Shared], account: str, time: VirtualTime) -> MakeTraffic:
    """Make the traffic of one more process."""

    def make(per_minute: int | None = BUDGET, *, shared: Shared | None = None) -> Traffic:
        return Traffic(
            shared or process(),
            {account: 6000},
            processes=2,
            random=random.Random(1),
            erp_limits={account: ErpLimits(at_once=4, per_minute=per_minute)},
            clock=time.clock,
            sleep=time.sleep,
        )

    return make


def call(traffic: Traffic, account: str, error: Exception | None = None) -> None:
    with traffic.guard_erp(account, seconds=30):
        if error is not None:
            raise error


def call_often(traffic: Traffic, account: str) -> None:
    for _ in range(5):
        call(traffic, account)


def gates(traffic: Traffic, account: str) -> Gates:
    return traffic.gates([account])[account]


@pytest.mark.parametrize("budget", [6, 60, 600])
def test_all_processes_together_make_no_more_calls_in_a_minute(
    budget: int, traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    processes = [traffic_of(budget), traffic_of(budget)]
    made: deque[float] = deque()
    most = 0
    until = time.clock() + 150

    while time.clock() < until:
        for process in processes:
            with suppress(WaitError):
                call(process, account)
                made.append(time.clock())
            while made and made[0] <= time.clock() - 60:
                made.popleft()
            most = max(most, len(made))
        time.sleep(0.1)

    assert budget * 0.9 <= most <= budget


def test_a_call_too_many_waits_for_its_turn_and_keeps_no_permit(
    traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    traffic = traffic_of()
    with pytest.raises(ErpOverBudget) as raised:
        call_often(traffic, account)
    traffic.flush()

    assert raised.value.cause == "traffic.erp_budget"
    assert "ERP_CALLS_PER_MINUTE" in str(raised.value)
    assert 0 < raised.value.seconds <= 2
    assert gates(traffic, account).erp_permits == 4
    time.sleep(raised.value.seconds)
    call(traffic, account)


def test_the_gate_opens_when_the_next_call_may_be_made(
    traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    traffic, other = traffic_of(), traffic_of()
    before = gates(other, account)
    with suppress(ErpOverBudget):
        call_often(traffic, account)

    after = gates(other, account)
    time.sleep(after.closed_for([ERP]))

    assert before.closed_for([ERP]) == 0.0
    assert 0.5 < after.closed_for([ERP]) < 1.1
    assert after.erp_per_second == pytest.approx(1.0, abs=0.05)
    assert after.closed_for(["get_order"]) == 0.0
    assert gates(other, account).closed_for([ERP]) == 0.0
    call(other, account)


def test_an_erp_without_a_limit_is_asked_about_by_nobody(
    traffic_of: MakeTraffic, process: Callable[..., Shared], account: str
) -> None:
    traffic = traffic_of(None)
    for _ in range(100):
        call(traffic, account)

    assert hash_of(process(), key(account, "erp_budget")) == {}
    assert gates(traffic, account).erp_per_second == float("inf")
    assert traffic.usage(account).erp is None


@pytest.mark.parametrize("per_minute", [None, 600])
def test_an_erp_that_asks_for_a_rest_is_called_by_nobody_before_that(
    per_minute: int | None, traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    traffic, other = traffic_of(per_minute), traffic_of(per_minute)
    with pytest.raises(ErpUnavailable):
        call(traffic, account, ErpUnavailable("later", retry_after=120.0))

    with pytest.raises(ErpOnHold) as raised:
        call(traffic, account)
    rests = traffic.erp_rests(account)

    with pytest.raises(ErpOnHold):
        call(other, account)

    assert raised.value.cause == "traffic.erp_hold"
    assert raised.value.seconds == pytest.approx(120, abs=3)
    assert rests is not None
    assert gates(other, account).closed_for([ERP]) == pytest.approx(120, abs=0.1)
    assert other.usage(account).erp_held_seconds == pytest.approx(120, abs=0.1)
    time.sleep(120.1)
    assert gates(other, account).closed_for([ERP]) == 0.0
    call(traffic, account)


def test_an_erp_that_says_when_it_may_be_called_is_not_taken_to_be_away(
    traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    traffic = traffic_of(None)

    for _ in range(20):
        with pytest.raises(ErpUnavailable):
            call(traffic, account, ErpUnavailable("later", retry_after=5.0))
        time.sleep(5.1)

    call(traffic, account)


def test_one_order_that_is_put_off_beside_others_that_are_taken_holds_nobody_up(
    traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    traffic = traffic_of(None)

    for _ in range(20):
        call(traffic, account)
        with suppress(ErpRefused):
            call(traffic, account, ErpRefused("no"))
        with pytest.raises(ErpUnavailable):
            call(traffic, account, ErpUnavailable("later", retry_after=300.0))
        call(traffic, account)
        call(traffic, account)
        time.sleep(1)

    assert gates(traffic, account).closed_for([ERP]) == 0.0


def test_while_redis_is_away_each_process_keeps_to_its_part_of_the_minute(
    traffic_of: MakeTraffic, account: str, time: VirtualTime
) -> None:
    shared = Shared(connect(f"redis://127.0.0.1:{free_port()}/0"), clock=time.clock)
    traffic = traffic_of(600, shared=shared)
    made, until = 0, time.clock() + 60

    while time.clock() < until:
        with suppress(ErpOverBudget):
            call(traffic, account)
            made += 1
        time.sleep(0.05)

    assert 200 <= made <= 300
    assert gates(traffic, account).erp_per_second == pytest.approx(4.0)
