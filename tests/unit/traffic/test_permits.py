"""How many calls of an account may be at its ERP at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from unit.traffic.virtual_time import VirtualTime

from orders_sync.embedded.broker import free_port
from orders_sync.traffic.erp import ErpLimits, Permit, Permits
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic
from orders_sync.traffic.waits import ErpBusy

SECONDS = 30.0
Holders = Callable[..., Permits]


@pytest.fixture
def permits_of(process: Callable[..., Shared], account: str, time: VirtualTime) -> Holders:
    """Make the permits as one more process takes them."""

    def make(name: str, limit: int = 3) -> Permits:
        return Permits(process(), {account: limit}, process=name, processes=2, clock=time.clock)

    return make


def _take(permits: Permits, account: str) -> Permit:
    permit = permits.take(account, SECONDS)
    assert permit is not None
    return permit


def _take_all(permits: Permits, account: str) -> list[Permit]:
    def taken() -> Iterator[Permit]:
        while permit := permits.take(account, SECONDS):
            yield permit

    return list(taken())


def test_all_processes_together_take_no_more_than_the_limit(
    permits_of: Holders, account: str
) -> None:
    one, other = permits_of("one"), permits_of("other")

    first = one.take(account, SECONDS)
    rest = _take_all(other, account)

    assert first is not None
    assert len(rest) == 2
    assert one.take(account, SECONDS) is None


def test_a_permit_that_is_given_back_is_taken_by_another(permits_of: Holders, account: str) -> None:
    one, other = permits_of("one"), permits_of("other")
    permits = _take_all(one, account)

    one.give_back(account, permits[0])

    assert len(_take_all(other, account)) == 1


def test_what_is_given_back_while_many_are_left_is_kept_until_the_flush(
    permits_of: Holders, account: str
) -> None:
    one, other = permits_of("one", 8), permits_of("other", 8)
    one.flush()
    permit = _take(one, account)

    one.give_back(account, permit)
    before = _take_all(other, account)
    for taken in before:
        other.give_back(account, taken)
    one.flush()

    assert len(before) == 7
    assert len(_take_all(other, account)) == 8


def test_what_is_given_back_is_told_at_once_where_nobody_flushes(
    permits_of: Holders, account: str
) -> None:
    one, other = permits_of("one", 8), permits_of("other", 8)
    permit = _take(one, account)

    one.give_back(account, permit)

    assert len(_take_all(other, account)) == 8


def test_a_permit_that_is_kept_begins_one_more_call_and_no_two(
    permits_of: Holders, account: str
) -> None:
    one, other = permits_of("one", 8), permits_of("other", 8)
    one.flush()
    permit = _take(one, account)

    one.give_back(account, permit)
    again, another = _take(one, account), _take(one, account)

    assert again == permit
    assert another != permit
    assert len(_take_all(other, account)) == 6


def test_a_permit_that_may_expire_before_the_end_of_a_call_does_not_begin_it(
    permits_of: Holders, account: str, time: VirtualTime
) -> None:
    one, other = permits_of("one", 8), permits_of("other", 8)
    one.flush()
    permit = _take(one, account)
    one.give_back(account, permit)

    time.sleep(2.1)
    another = _take(one, account)

    assert another != permit
    assert len(_take_all(other, account)) == 7


def test_a_permit_that_nobody_gives_back_expires(
    permits_of: Holders, account: str, time: VirtualTime
) -> None:
    one, other = permits_of("one"), permits_of("other")
    _take_all(one, account)

    time.sleep(SECONDS - 0.1)
    too_early = other.take(account, SECONDS)
    time.sleep(2.2)
    in_time = _take_all(other, account)

    assert too_early is None
    assert len(in_time) == 3


def test_a_dead_process_gives_its_permits_back_and_no_other_does(
    permits_of: Holders, account: str
) -> None:
    dead, alive, other = permits_of("host/1"), permits_of("host/11"), permits_of("host/2")
    dead.take(account, SECONDS)
    alive.take(account, SECONDS)
    dead.take(account, SECONDS)

    other.forget("host/1", [account])

    assert len(_take_all(other, account)) == 2


def test_while_redis_is_away_each_process_keeps_to_its_part(
    account: str, time: VirtualTime
) -> None:
    shared = Shared(connect(f"redis://127.0.0.1:{free_port()}/0"), clock=time.clock)
    permits = Permits(shared, {account: 8}, process="alone", processes=2)

    taken = _take_all(permits, account)
    permits.give_back(account, taken[0])

    assert len(taken) == 4
    assert permits.take(account, SECONDS) is not None
    assert permits.take(account, SECONDS) is None


def test_a_call_without_a_permit_waits_for_a_moment(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    traffic = Traffic(
        process(),
        {account: 6000},
        processes=1,
        random=random.Random(1),
        process="mine",
        erp_limits={account: ErpLimits(at_once=2)},
        clock=time.clock,
        sleep=time.sleep,
    )

    with ExitStack() as calls:
        for _ in range(2):
            calls.enter_context(traffic.guard_erp(account, seconds=SECONDS))
        with pytest.raises(ErpBusy) as raised, traffic.guard_erp(account, seconds=SECONDS):
            pass

    assert raised.value.cause == "traffic.erp_busy"
    assert 0 < raised.value.seconds <= 2.0
    with traffic.guard_erp(account, seconds=SECONDS):
        traffic.forget_holder("mine")
        assert traffic.gates([account])[account].erp_permits == 2
