from __future__ import annotations

from itertools import pairwise

import pytest
from unit.traffic.virtual_time import START

from orders_sync.traffic.bucket import DUE_AFTER, FULL, LONGEST_WAIT, LOWEST, Answer, Bucket
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.plan import DUE_HORIZON, MINUTE, SECOND, Plan, horizon

PLAN = Plan.of(6000)


@pytest.fixture
def bucket() -> Bucket:
    """Make a bucket that is in use, with no lane's share due and no slot kept for a burst."""
    return Bucket(PLAN, next_slot=START, last=[START] * len(Lane), hold_until=START)


def _book_until(bucket: Bucket, lane: Lane, now: int = START) -> int:
    """Book slots until there is none left for the lane, and tell when the next one is."""
    while bucket.ask(now, lane).granted:
        pass
    assert bucket.next_slot is not None
    return bucket.next_slot


def test_a_bucket_that_knows_nothing_waits_for_slots_that_may_be_booked_already() -> None:
    answer = Bucket(PLAN).ask(START, Lane.FETCH)

    assert answer == Answer(granted=True, micros=DUE_HORIZON, held=0)


def test_slots_follow_one_another_at_the_interval(bucket: Bucket) -> None:
    micros = [bucket.ask(START, Lane.CANCEL).micros for _ in range(4)]

    assert micros == [0, PLAN.interval, 2 * PLAN.interval, 3 * PLAN.interval]


def test_after_a_rest_a_burst_is_allowed_and_no_more(bucket: Bucket) -> None:
    now = START + MINUTE

    at_once = 0
    while bucket.ask(now, Lane.CANCEL).micros == 0:
        at_once += 1

    assert at_once == PLAN.burst


def test_without_credit_the_burst_is_given_away(bucket: Bucket) -> None:
    now = START + MINUTE

    bucket.ask(now, Lane.CANCEL, without_credit=True)

    assert bucket.ask(now, Lane.CANCEL).micros == PLAN.interval


def test_of_a_burst_that_was_left_unused_one_half_is_taken_several_at_once(bucket: Bucket) -> None:
    now = START + MINUTE

    spare = [bucket.ask(now, Lane.CANCEL, wanted=20).spare for _ in range(3)]
    half = bucket.ask(now, Lane.CANCEL, wanted=20)

    assert spare == [19, PLAN.burst // 2 - 21, 0]
    assert half == Answer(granted=True, micros=0, held=0)


def test_the_spare_slots_are_booked(bucket: Bucket) -> None:
    now = START + MINUTE
    spare = bucket.ask(now, Lane.CANCEL, wanted=8).spare

    at_once = 0
    while bucket.ask(now, Lane.CANCEL).micros == 0:
        at_once += 1

    assert at_once == PLAN.burst - 1 - spare


@pytest.mark.parametrize("waits", [Lane.CANCEL, Lane.FETCH])
def test_nobody_takes_several_while_its_own_or_a_higher_lane_is_away_waiting(
    bucket: Bucket, waits: Lane
) -> None:
    next_slot = _book_until(bucket, waits)
    for _ in range(200):
        bucket.ask(START, waits)
    now = next_slot + (PLAN.burst - 1) * PLAN.interval

    answer = bucket.ask(now, Lane.FETCH, wanted=4)

    assert (answer.granted, answer.spare) == (True, 0)


def test_after_a_hold_nobody_takes_several(bucket: Bucket) -> None:
    bucket.hold(START, 10 * SECOND, cut=False)

    answer = bucket.ask(START + 10 * SECOND, Lane.CANCEL, wanted=4)

    assert answer == Answer(granted=True, micros=0, held=0)


@pytest.mark.parametrize("lane", Lane)
def test_a_lane_books_within_its_horizon_only(bucket: Bucket, lane: Lane) -> None:
    ahead = _book_until(bucket, lane) - START

    assert horizon(lane) < ahead <= horizon(lane) + PLAN.interval


def test_the_waits_that_are_told_are_spread_a_little_closer_than_slots(bucket: Bucket) -> None:
    _book_until(bucket, Lane.FETCH)

    told = [bucket.ask(START, Lane.FETCH).micros for _ in range(1000)]

    steps = {later - earlier for earlier, later in pairwise(told)}
    assert steps == {PLAN.interval * 4 // 5}


def test_a_wait_that_is_told_is_never_long(bucket: Bucket) -> None:
    _book_until(bucket, Lane.FETCH)

    told = [bucket.ask(START, Lane.FETCH).micros for _ in range(20_000)]

    assert max(told) <= LONGEST_WAIT
    assert min(told[10_000:]) >= LONGEST_WAIT // 2


def test_what_waits_in_a_higher_lane_comes_before_what_asks_in_a_lower_one(bucket: Bucket) -> None:
    _book_until(bucket, Lane.CANCEL)
    higher = bucket.ask(START, Lane.CANCEL)

    lower = bucket.ask(START, Lane.FETCH)

    assert lower.micros > higher.micros


def test_a_lower_lane_books_nothing_ahead_while_a_higher_one_is_away_waiting(
    bucket: Bucket,
) -> None:
    next_slot = _book_until(bucket, Lane.CANCEL)
    for _ in range(100):
        bucket.ask(START, Lane.CANCEL)
    now = next_slot - horizon(Lane.FETCH) // 2

    booked_ahead = bucket.ask(now, Lane.FETCH).granted
    free_at_once = bucket.ask(next_slot, Lane.FETCH).granted

    assert (booked_ahead, free_at_once) == (False, True)


def test_a_lane_that_had_nothing_for_long_goes_first_for_one_call(bucket: Bucket) -> None:
    now = START + DUE_AFTER * PLAN.interval
    bucket.last[Lane.CANCEL] = now
    _book_until(bucket, Lane.CANCEL, now)

    answers = [bucket.ask(now, Lane.RECONCILE).granted for _ in range(3)]

    assert answers == [True, False, False]


def test_nobody_calls_while_the_account_is_on_hold(bucket: Bucket) -> None:
    bucket.hold(START, 10 * SECOND, cut=False)

    answer = bucket.ask(START, Lane.CANCEL)

    assert not answer.granted
    assert answer.micros + horizon(Lane.CANCEL) >= answer.held == 10 * SECOND


def test_after_a_hold_the_calls_begin_without_a_burst(bucket: Bucket) -> None:
    bucket.hold(START, 10 * SECOND, cut=False)
    now = START + 10 * SECOND

    micros = [bucket.ask(now, Lane.CANCEL).micros for _ in range(2)]

    assert micros == [0, PLAN.interval]


def test_a_shorter_hold_does_not_end_a_longer_one(bucket: Bucket) -> None:
    bucket.hold(START, 10 * SECOND, cut=False)

    bucket.hold(START, SECOND, cut=False)

    assert bucket.ask(START, Lane.CANCEL).held == 10 * SECOND


def test_a_refusal_cuts_the_rate_once_for_all_that_were_refused_together(bucket: Bucket) -> None:
    for late in range(5):
        bucket.hold(START + late, SECOND, cut=True)

    assert bucket.share_at(START) == 700_000


def test_refusals_one_after_another_leave_a_tenth_of_the_rate(bucket: Bucket) -> None:
    for second in range(0, 60, 2):
        bucket.hold(START + second * SECOND, SECOND, cut=True)

    assert bucket.share_at(START + 58 * SECOND) == LOWEST


def test_nine_tenths_of_the_rate_are_back_ten_minutes_after_a_storm(bucket: Bucket) -> None:
    for second in range(0, 120, 2):
        bucket.hold(START + second * SECOND, SECOND, cut=True)

    assert bucket.share_at(START + 12 * MINUTE) >= 0.9 * FULL


def test_a_stray_refusal_costs_the_calls_of_less_than_half_a_minute(bucket: Bucket) -> None:
    bucket.hold(START, SECOND, cut=True)

    missing = sum(FULL - bucket.share_at(START + second * SECOND) for second in range(600))
    assert missing <= 30 * FULL


def test_the_rate_grows_back_slowly_and_fully(bucket: Bucket) -> None:
    bucket.hold(START, SECOND, cut=True)

    shares = [bucket.share_at(START + minutes * MINUTE) for minutes in range(5)]

    assert shares == sorted(shares)
    assert 0.75 * FULL < shares[1] < 0.85 * FULL
    assert shares[-1] == FULL


def test_a_slower_pace_is_kept_for_its_time_only(bucket: Bucket) -> None:
    bucket.keep_pace(START, SECOND, 10 * SECOND)

    intervals = [bucket.interval(START + seconds * SECOND) for seconds in (0, 9, 10)]

    assert intervals == [SECOND, SECOND, PLAN.interval]


def test_a_clock_that_was_set_back_does_not_stop_the_calls(bucket: Bucket) -> None:
    bucket.hold(START, MINUTE, cut=False)
    bucket.ask(START + MINUTE, Lane.CANCEL)
    earlier = START - 60 * MINUTE

    answer = bucket.ask(earlier, Lane.CANCEL)

    assert answer.micros < SECOND
