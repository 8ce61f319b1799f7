"""What the limiter does when Redis is killed, hangs up, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from support.waiting import until
from unit.traffic.crowd import Crowd
from unit.traffic.virtual_time import START, VirtualTime

from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.traffic.limiter import SECOND, RateLimiter
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.waits import Lane

PROCESSES = 4
BUDGET = 600


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def shareds(broker: EmbeddedBroker, time: VirtualTime) -> Iterator[list[Shared]]:
    assert broker.url is not None
    url = broker.url
    shareds = [
        Shared(connect(url), clock=time.clock, server_micros=time.server) for _ in range(PROCESSES)
    ]
    yield shareds
    for shared in shareds:
        shared.close()


def _kill(broker: EmbeddedBroker) -> None:
    assert broker.child is not None
    broker.child.kill()
    assert broker.child.exit_status() is not None


def _restart(broker: EmbeddedBroker) -> None:
    assert broker.child is not None
    assert broker.url is not None
    broker.child.start()
    url = broker.url

    def answers() -> bool:
        with connect(url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    until(answers, "Redis is back")


def test_a_budget_is_kept_while_redis_is_killed_and_restarted(
    broker: EmbeddedBroker, shareds: list[Shared], time: VirtualTime
) -> None:
    sleeps: list[float] = []
    limiters = [
        RateLimiter(
            shared,
            {"mystore": BUDGET},
            processes=PROCESSES,
            clock=time.clock,
            sleep=sleeps.append,
        )
        for shared in shareds
    ]
    acts = [(START + 130 * SECOND, _restart), (START + 70 * SECOND, _kill)]

    def act(now: int) -> None:
        if acts and now >= acts[-1][0]:
            acts.pop()[1](broker)

    crowd = Crowd("mystore", limiters, time, sleeps, at=act, endless=True)
    crowd.run([(0.0, Lane.FETCH)] * 100, seconds=210)

    assert crowd.in_any_minute() <= BUDGET
    assert crowd.total(5, 65) >= 0.95 * BUDGET
    assert 0.6 * BUDGET <= crowd.total(70, 130) <= 0.85 * BUDGET
    assert crowd.total(140, 200) >= 0.95 * BUDGET


def test_a_process_alone_holds_what_it_knew_of(
    broker: EmbeddedBroker, shareds: list[Shared], time: VirtualTime
) -> None:
    limiter = RateLimiter(
        shareds[0], {"mystore": BUDGET}, processes=1, clock=time.clock, sleep=time.sleep
    )
    limiter.hold("mystore", 30.0)
    _kill(broker)

    wait = limiter.acquire("mystore", Lane.CANCEL)

    assert wait is not None
    assert wait.seconds >= 30.0


@pytest.mark.parametrize(
    ("accepted", "held"), [pytest.param(True, False, id="stray"), pytest.param(False, True)]
)
def test_a_process_alone_holds_its_calls_where_nothing_is_accepted(
    broker: EmbeddedBroker,
    shareds: list[Shared],
    time: VirtualTime,
    accepted: bool,
    held: bool,
) -> None:
    limiter = RateLimiter(
        shareds[0], {"mystore": BUDGET}, processes=1, clock=time.clock, sleep=time.sleep
    )
    _kill(broker)
    limiter.acquire("mystore", Lane.CANCEL)
    if accepted:
        limiter.accepted("mystore")

    limiter.refused("mystore", None)

    assert (limiter.acquire("mystore", Lane.CANCEL) is not None) is held


def _read(shared: Shared) -> object:
    asked = shared.ask([("HGETALL", "anything")])
    return None if asked is None else asked[1][0]


def test_redis_is_left_alone_for_a_second_after_it_failed(
    broker: EmbeddedBroker, shareds: list[Shared], time: VirtualTime
) -> None:
    _kill(broker)
    shared = shareds[0]
    assert _read(shared) is None
    _restart(broker)

    at_once = _read(shared)
    time.sleep(1.0)
    later = _read(shared)

    assert (at_once, later) == (None, {})


def test_a_script_that_redis_forgot_is_brought_again(
    shareds: list[Shared], time: VirtualTime
) -> None:
    limiter = RateLimiter(
        shareds[0], {"mystore": BUDGET}, processes=1, clock=time.clock, sleep=time.sleep
    )
    limiter.acquire("mystore", Lane.CANCEL)
    shareds[1]._client.script_flush()

    limiter.acquire("mystore", Lane.CANCEL)

    used = limiter.used("mystore")
    assert used is not None
    assert used.calls == 2
