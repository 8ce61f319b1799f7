from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from unit.traffic.breaking import POLICY, call
from unit.traffic.virtual_time import VirtualTime, hash_of

from orders_sync.embedded.broker import free_port
from orders_sync.traffic.breaker import Breaker, Circuit, breakers_key, read_states
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.waits import Why

Breakers = Callable[..., Breaker]


def _opened(breaker_of: Breakers) -> Breaker:
    breaker = breaker_of()
    call(breaker, fails=True, times=10)
    assert breaker.allows() is not None
    return breaker


def test_few_failures_open_no_breaker(breaker_of: Breakers) -> None:
    breaker = breaker_of()

    call(breaker, fails=True, times=9)

    assert breaker.allows() is None


@pytest.mark.parametrize(
    ("well", "failed", "is_open"),
    [
        pytest.param(0, 10, True, id="all fail"),
        pytest.param(15, 15, True, id="half fail"),
        pytest.param(20, 10, False, id="a third fails"),
    ],
)
def test_a_breaker_opens_by_the_share_of_failures(
    breaker_of: Breakers, well: int, failed: int, *, is_open: bool
) -> None:
    breaker = breaker_of()

    call(breaker, fails=False, times=well)
    call(breaker, fails=True, times=failed)

    assert (breaker.allows() is not None) is is_open


def test_failures_of_long_ago_do_not_count(breaker_of: Breakers, time: VirtualTime) -> None:
    breaker = breaker_of()
    call(breaker, fails=True, times=9)
    call(breaker, fails=False)
    time.sleep(POLICY.window)

    call(breaker, fails=True, times=1)

    assert breaker.allows() is None


def test_failures_of_all_processes_count_together(breaker_of: Breakers) -> None:
    one, other, third = breaker_of(), breaker_of(), breaker_of()

    call(one, fails=True, times=5)
    call(other, fails=True, times=5)

    wait = third.allows()
    assert wait is not None
    assert wait.why is Why.BREAKER


def test_a_process_that_saw_it_closed_looks_again_within_a_second(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    other, failing = breaker_of(), breaker_of()
    other.allows()
    call(failing, fails=True, times=10)
    time.sleep(3.0)
    other.allows()
    call(failing, fails=True)

    before = other.allows()
    time.sleep(1.0)
    after = other.allows()

    assert before is None
    assert after is not None


def test_an_open_breaker_of_one_group_does_not_stop_another(breaker_of: Breakers) -> None:
    _opened(breaker_of)

    assert breaker_of("feed").allows() is None


def test_those_who_wait_come_back_after_the_opening_and_not_together(breaker_of: Breakers) -> None:
    breaker = _opened(breaker_of)

    waits = [wait.seconds for _ in range(100) if (wait := breaker.allows())]

    assert len(set(waits)) == 100
    assert POLICY.first_open <= min(waits)
    assert max(waits) <= POLICY.first_open + 10


def test_after_the_opening_one_trial_is_made_across_all_processes(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breakers = [_opened(breaker_of), breaker_of(), breaker_of()]
    time.sleep(POLICY.first_open)

    allowed = [breaker.allows() is None for breaker in breakers for _ in range(3)]

    assert allowed.count(True) == 1


def test_a_trial_that_goes_well_closes_the_breaker(breaker_of: Breakers, time: VirtualTime) -> None:
    breaker, other = _opened(breaker_of), breaker_of()
    time.sleep(POLICY.first_open)

    call(breaker, fails=False)

    assert breaker.allows() is None
    assert other.allows() is None


def test_each_trial_that_fails_opens_the_breaker_for_longer(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breaker = _opened(breaker_of)

    openings = []
    for _ in range(5):
        seconds = 0
        while breaker.is_open():
            time.sleep(1.0)
            seconds += 1
        openings.append(seconds)
        call(breaker, fails=True)

    assert openings == [5, 10, 20, 30, 30]


def test_a_trial_that_nobody_ends_is_given_to_another(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breaker, other = _opened(breaker_of), breaker_of()
    time.sleep(POLICY.first_open)
    assert breaker.allows() is None

    time.sleep(POLICY.trial - 1)
    too_early = other.allows()
    time.sleep(1.0)
    in_time = other.allows()

    assert too_early is not None
    assert in_time is None


def test_a_trial_that_was_not_made_is_given_back(breaker_of: Breakers, time: VirtualTime) -> None:
    breaker, other = _opened(breaker_of), breaker_of()
    time.sleep(POLICY.first_open)
    breaker.allows()

    breaker.undecided()

    assert other.allows() is None


def test_a_call_that_began_before_the_opening_does_not_end_the_trial(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breaker = _opened(breaker_of)
    time.sleep(POLICY.first_open)
    breaker.allows()

    with ThreadPoolExecutor(1) as late:
        late.submit(breaker.succeeded).result()

    assert breaker_of().allows() is not None


def test_asking_whether_it_is_open_takes_no_trial(breaker_of: Breakers, time: VirtualTime) -> None:
    breaker, other = _opened(breaker_of), breaker_of()
    assert other.is_open() is not None
    time.sleep(POLICY.first_open)

    assert other.is_open() is None
    assert breaker.allows() is None


def test_a_closed_breaker_asks_redis_once_a_second(
    breaker_of: Breakers, process: Callable[..., Shared], time: VirtualTime
) -> None:
    breaker, client = breaker_of(), process()._client
    breaker.allows()

    def asked() -> int:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    before = asked()
    call(breaker, fails=False, times=1000)
    at_once = asked() - before
    time.sleep(1.0)
    call(breaker, fails=False, times=1000)

    assert at_once == 0
    assert asked() - before == 1


def test_how_breakers_stand_can_be_read(
    breaker_of: Breakers, process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    call(breaker_of("feed"), fails=True, times=3)
    _opened(breaker_of)
    opened_at = time.clock()

    fields = hash_of(process(), breakers_key(account))

    feed, orders = read_states(fields, time.clock())
    assert (feed.name, feed.standing, feed.calls, feed.failures) == ("feed", Circuit.CLOSED, 3, 3)
    assert (orders.name, orders.standing, orders.since) == ("orders", Circuit.OPEN, opened_at)
    assert read_states(fields, time.clock() + 5)[1].standing is Circuit.TRYING


def test_without_redis_everything_is_allowed(account: str, time: VirtualTime) -> None:
    shared = Shared(connect(f"redis://127.0.0.1:{free_port()}/0"), clock=time.clock)
    breaker = Breaker(
        shared,
        account,
        "orders",
        process="alone",
        policy=POLICY,
        random=random.Random(1),
        clock=time.clock,
    )

    call(breaker, fails=True, times=100)

    assert breaker.allows() is None
