from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.traffic.virtual_time import VirtualTime

from orders_sync.traffic.limiter import RateLimiter
from orders_sync.traffic.shared import Shared
from orders_sync.traffic.waits import Delay, Lane, Why

Limiters = Callable[..., RateLimiter]


@pytest.fixture
def limiter_of(process: Callable[..., Shared], account: str, time: VirtualTime) -> Limiters:
    """Make the limiter of one more process."""

    def make(
        budget: int = 6000, *, skew: float = 0.0, sleep: Callable[[float], None] = time.sleep
    ) -> RateLimiter:
        return RateLimiter(
            process(skew),
            {account: budget},
            processes=4,
            clock=lambda: time.clock() + skew,
            sleep=sleep,
        )

    return make


def _calls(limiter: RateLimiter, account: str, times: int) -> int:
    return sum(limiter.acquire(account, Lane.FETCH) is None for _ in range(times))


def test_calls_wait_in_place_for_slots_that_are_near(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter = limiter_of(600)
    limiter.acquire(account, Lane.FETCH)
    before = time.clock()

    assert _calls(limiter, account, 10) == 10

    assert 0.9 <= time.clock() - before <= 1.1


def test_two_processes_share_one_budget_however_wrong_their_clocks_are(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiters = [limiter_of(600), limiter_of(600, skew=7200.0), limiter_of(600, skew=-7200.0)]
    before = time.clock()

    made = sum(_calls(each, account, 1) for _ in range(30) for each in limiters)

    assert made == 90
    assert time.clock() - before >= 8.0


def test_a_hold_that_one_process_learns_of_stops_the_others(
    limiter_of: Limiters, account: str
) -> None:
    one, other = limiter_of(), limiter_of()

    one.hold(account, 30.0)

    wait = other.acquire(account, Lane.CANCEL)
    assert wait is not None
    assert wait.why is Why.HOLD
    assert 30.0 <= wait.seconds <= 31.0


def test_calls_go_on_after_a_hold(limiter_of: Limiters, account: str, time: VirtualTime) -> None:
    one, other = limiter_of(), limiter_of()
    one.hold(account, 30.0)
    time.sleep(30.0)

    assert other.acquire(account, Lane.CANCEL) is None


def test_a_call_that_is_refused_stops_those_that_wait_in_place(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    def refused_meanwhile(seconds: float) -> None:
        time.sleep(seconds)
        limiter.hold(account, 30.0)

    limiter = limiter_of(600, sleep=refused_meanwhile)

    wait = limiter.acquire(account, Lane.CANCEL)

    assert wait is not None
    assert wait.why is Why.HOLD


def test_the_headers_of_a_response_slow_all_processes_down(
    limiter_of: Limiters, account: str
) -> None:
    one, other = limiter_of(), limiter_of()

    one.heard(account, {"Ratelimit-Remaining": "30", "Ratelimit-Reset": "30"}.get)

    used = other.used(account)
    assert used is not None
    assert used.per_minute == 60


def test_headers_that_leave_enough_change_nothing(limiter_of: Limiters, account: str) -> None:
    limiter = limiter_of()

    limiter.heard(account, {"Ratelimit-Remaining": "5000", "Ratelimit-Reset": "30"}.get)

    used = limiter.used(account)
    assert used is not None
    assert used.per_minute > 5700


def test_headers_that_leave_nothing_are_a_hold(limiter_of: Limiters, account: str) -> None:
    limiter = limiter_of()

    limiter.heard(account, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}.get)

    wait = limiter.acquire(account, Lane.CANCEL)
    assert wait is not None
    assert wait.why is Why.HOLD
    assert 29.5 <= wait.seconds <= 30.5


def _rested(limiter: RateLimiter, account: str, time: VirtualTime) -> None:
    """Let slots be left unused, and then let the limiter have a permit or more in hand."""
    _calls(limiter, account, 1)
    time.sleep(60.0)
    _calls(limiter, account, 4)


def test_calls_for_which_permits_are_kept_ask_nothing(
    limiter_of: Limiters, process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    limiter, server = limiter_of(), process()._client
    _rested(limiter, account, time)
    before = server.info("commandstats")["cmdstat_evalsha"]["calls"]

    _calls(limiter, account, 14)

    assert server.info("commandstats")["cmdstat_evalsha"]["calls"] - before <= 6


def test_kept_permits_are_not_used_once_a_hold_is_known(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter = limiter_of()
    _rested(limiter, account, time)

    limiter.hold(account, 30.0)

    assert limiter.acquire(account, Lane.FETCH) == Delay(30.0, Why.HOLD)


def test_kept_permits_do_not_outlast_a_moment_after_another_process_was_told_of_a_hold(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    one, other = limiter_of(), limiter_of()
    _rested(one, account, time)
    other.hold(account, 30.0)
    time.sleep(0.3)

    wait = one.acquire(account, Lane.FETCH)

    assert wait is not None
    assert wait.why is Why.HOLD


def test_permits_that_were_kept_and_not_used_are_not_counted_as_calls(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter = limiter_of()
    _calls(limiter, account, 1)
    time.sleep(120.0)

    made = 1
    for count in (20, 1, 9):
        made += _calls(limiter, account, count)
        time.sleep(1.0)
    limiter.acquire(account, Lane.RECONCILE)

    used = limiter.used(account)
    assert used is not None
    assert used.calls == made


def test_what_is_used_is_told(limiter_of: Limiters, account: str) -> None:
    limiter = limiter_of(600)
    _calls(limiter, account, 20)

    used = limiter.used(account)

    assert used is not None
    assert used.calls == 20
    assert used.budget == 600
    assert 570 <= used.per_minute <= 600
    assert used.held_seconds == 0


def test_what_was_used_is_forgotten_after_two_minutes(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter = limiter_of(600)
    _calls(limiter, account, 20)
    time.sleep(120.0)

    used = limiter.used(account)

    assert used is not None
    assert used.calls == 0


def test_nothing_of_an_account_is_kept_for_ever(
    limiter_of: Limiters, process: Callable[..., Shared], account: str
) -> None:
    limiter = limiter_of(1)
    _calls(limiter, account, 3)
    limiter.hold(account, 1.0)

    client = process()._client

    assert 0 < client.ttl(f"orders_sync:traffic:{account}:budget") <= 86_400


def _refuse(limiter: RateLimiter, account: str, times: int, retry_after: float | None) -> None:
    for _ in range(times):
        limiter.refused(account, retry_after)


def test_a_refusal_beside_accepted_calls_stops_nobody(limiter_of: Limiters, account: str) -> None:
    limiter = limiter_of()
    limiter.accepted(account)

    back = limiter.refused(account, None)

    assert limiter.acquire(account, Lane.FETCH) is None
    assert back <= 2.0


def test_a_refusal_where_nothing_is_accepted_stops_all_for_as_long_as_vtex_says(
    limiter_of: Limiters, account: str
) -> None:
    one, other = limiter_of(), limiter_of()

    one.refused(account, 20.0)

    wait = other.acquire(account, Lane.CANCEL)
    assert wait is not None
    assert wait.why is Why.HOLD
    assert 20.0 <= wait.seconds <= 21.0


def test_five_refusals_in_a_row_stop_all(limiter_of: Limiters, account: str) -> None:
    limiter = limiter_of()
    limiter.accepted(account)

    _refuse(limiter, account, 5, 20.0)

    wait = limiter.acquire(account, Lane.CANCEL)
    assert wait is not None
    assert wait.why is Why.HOLD


def test_holds_double_while_vtex_does_not_say_and_accepts_nothing(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter = limiter_of()

    holds = []
    for _ in range(6):
        holds.append(limiter.refused(account, None))
        time.sleep(holds[-1])

    assert holds == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_an_absurd_retry_after_is_kept_for_minutes_only(limiter_of: Limiters, account: str) -> None:
    one, other = limiter_of(), limiter_of()

    one.refused(account, 86_400.0)

    wait = other.acquire(account, Lane.CANCEL)
    assert wait is not None
    assert wait.seconds <= 300.0


def test_after_a_hold_the_calls_begin_slowly(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter = limiter_of()
    limiter.hold(account, 30.0)
    time.sleep(30.0)

    made, end = 0, time.clock() + 1.0
    while time.clock() < end:
        made += limiter.acquire(account, Lane.CANCEL) is None
        time.sleep(0.01)

    assert 3 <= made <= 40


def test_a_clock_that_was_set_back_does_not_stop_the_calls(
    limiter_of: Limiters, account: str, time: VirtualTime
) -> None:
    limiter_of().hold(account, 60.0)
    time.micros -= 3600 * 1_000_000

    assert limiter_of().acquire(account, Lane.CANCEL) is None
