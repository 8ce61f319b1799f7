"""Breakers of accounts with few calls, which open by failures in a row."""

from __future__ import annotations

from collections.abc import Callable

from unit.traffic.breaking import POLICY, call
from unit.traffic.virtual_time import VirtualTime

from orders_sync.traffic.breaker import Breaker

Breakers = Callable[..., Breaker]


def test_failures_in_a_row_open_it_however_rare_calls_are(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    one, other = breaker_of(), breaker_of()

    closed = []
    for _ in range(2):
        for breaker in (one, other):
            call(breaker, fails=True)
            closed.append(breaker.allows() is None)
            time.sleep(240.0)

    assert closed == [True, True, True, False]


def test_failures_in_a_row_within_seconds_do_not_open_it(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breaker = breaker_of()

    for _ in range(9):
        call(breaker, fails=True)
        time.sleep(1.0)

    assert breaker.allows() is None


def test_a_success_in_another_process_ends_the_row(breaker_of: Breakers, time: VirtualTime) -> None:
    poison, good = breaker_of(), breaker_of()
    good.allows()

    for _ in range(20):
        time.sleep(60.0)
        call(poison, fails=True)
        call(good, fails=False)

    assert poison.allows() is None


def test_what_went_well_long_ago_in_many_processes_does_not_hide_the_row(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breakers = [breaker_of() for _ in range(8)]
    for breaker in breakers:
        call(breaker, fails=False)

    for breaker in breakers[:4]:
        time.sleep(60.0)
        call(breaker, fails=True)

    assert breakers[-1].allows() is not None


def test_a_failure_says_whether_the_peer_is_taken_to_be_away(
    breaker_of: Breakers, time: VirtualTime
) -> None:
    breaker = breaker_of()

    said = [breaker.failed() for _ in range(10)]
    time.sleep(POLICY.first_open)
    breaker.allows()
    in_trial = breaker.failed()

    assert said == [False] * 9 + [True]
    assert in_trial
