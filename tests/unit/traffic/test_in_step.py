"""The script in Redis and the rules in memory are one and the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.traffic.virtual_time import VirtualTime

from orders_sync.traffic.bucket import Answer, Bucket
from orders_sync.traffic.lanes import Lane
from orders_sync.traffic.plan import DUE_HORIZON, SECOND, Plan, horizon
from orders_sync.traffic.shared import Script, Shared


class Asked(NamedTuple):
    lane: Lane
    without_credit: bool
    wanted: int = 1


class Held(NamedTuple):
    micros: int
    cut: bool


class Paced(NamedTuple):
    interval: int
    micros: int


MICROS = st.integers(1, 100 * SECOND)
EVENTS = st.one_of(
    st.builds(Asked, st.sampled_from(Lane), st.booleans()),
    st.builds(Asked, st.sampled_from(Lane), st.just(value=False), st.integers(1, 9)),
    st.builds(Held, MICROS, st.booleans()),
    st.builds(Paced, st.integers(1, SECOND), MICROS),
)
PAUSES = st.one_of(
    st.integers(0, SECOND // 20), st.integers(0, 100 * SECOND), st.just(-10 * SECOND)
)


@pytest.fixture(scope="module")
def script() -> Script:
    return Script("budget.lua")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    budget=st.sampled_from([1, 60, 600, 6000, 100_000]),
    story=st.lists(st.tuples(PAUSES, EVENTS, st.integers(1, 40)), max_size=15),
)
def test_the_same_questions_get_the_same_answers(
    process: Callable[..., Shared],
    time: VirtualTime,
    script: Script,
    numbers: Iterator[int],
    budget: int,
    story: list[tuple[int, Asked | Held | Paced, int]],
) -> None:
    key, shared, plan = f"in_step:{next(numbers)}", process(), Plan.of(budget)
    bucket = Bucket(plan)

    for micros, event, times in story:
        time.micros += micros
        for _ in range(times):
            in_memory, in_redis = _both(bucket, shared, script, key, time.micros, event)

            assert in_redis == in_memory


def _both(
    bucket: Bucket, shared: Shared, script: Script, key: str, now: int, event: Asked | Held | Paced
) -> tuple[Answer | None, Answer | None]:
    plan = bucket.plan
    match event:
        case Asked(lane, without_credit, wanted):
            bounds = (plan.burst, horizon(lane), DUE_HORIZON, int(without_credit))
            reply = shared.run(script, key, "ask", plan.interval, int(lane), *bounds, wanted, 0)
            assert reply is not None
            granted, *others = reply
            in_redis = Answer(bool(granted), *others)
            return bucket.ask(now, lane, wanted=wanted, without_credit=without_credit), in_redis
        case Held(micros, cut):
            bucket.hold(now, micros, cut=cut)
            shared.run(script, key, "hold", plan.interval, micros, int(cut))
        case Paced(interval, micros):
            bucket.keep_pace(now, interval, micros)
            shared.run(script, key, "pace", plan.interval, interval, micros)
    return None, None
