"""A process whose calls fail while those of others succeed is sick; the peer is not."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest
from unit.traffic.virtual_time import VirtualTime

from orders_sync.errors import ErpUnavailable, Unavailable
from orders_sync.traffic.breaker import Circuit
from orders_sync.traffic.shared import Shared
from orders_sync.traffic.traffic import SickSince, Traffic
from orders_sync.traffic.waits import BreakerOpen, Lane, VtexAway

Processes = Callable[..., Traffic]


@pytest.fixture
def traffic_of(process: Callable[..., Shared], account: str, time: VirtualTime) -> Processes:
    """Make the traffic as one more process sees it."""

    def make(name: str) -> Traffic:
        return Traffic(
            process(),
            {account: 6000},
            processes=2,
            random=random.Random(1),
            process=name,
            clock=time.clock,
            sleep=time.sleep,
        )

    return make


def _send(*, fails: bool) -> None:
    if fails:
        raise Unavailable("no route to VTEX")


def _call(traffic: Traffic, account: str, *, fails: bool) -> Exception | None:
    try:
        with traffic.call(account, Lane.FETCH, "get_order"):
            _send(fails=fails)
    except (Unavailable, BreakerOpen) as error:
        return error
    return None


def _run(
    processes: Mapping[Traffic, bool], account: str, time: VirtualTime, seconds: float
) -> dict[Traffic, list[Exception | None]]:
    """Let each process call ten times a second; those whose flag is set fail."""
    ends: dict[Traffic, list[Exception | None]] = {traffic: [] for traffic in processes}
    end = time.clock() + seconds
    while time.clock() < end:
        for traffic, fails in processes.items():
            ends[traffic].append(_call(traffic, account, fails=fails))
        time.sleep(0.1)
    return ends


def test_a_process_that_alone_fails_becomes_sick_and_the_others_go_on(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")

    ends = _run({bad: True, good: False}, account, time, 10.0)

    assert bad.is_sick()
    assert bad.sick_of() == (f"{account}/vtex",)
    assert not good.is_sick()
    assert set(ends[good]) == {None}
    assert [each.standing for each in good.usage(account).breakers] == [Circuit.CLOSED]
    assert good.gates([account])[account].closed_for(["get_order"]) == 0.0


def test_a_process_that_fails_fast_opens_nothing_for_the_others(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")
    _run({bad: False, good: False}, account, time, 3.0)

    for _ in range(8):
        for _ in range(20):
            _call(bad, account, fails=True)
        assert _call(good, account, fails=False) is None
        time.sleep(0.5)

    assert bad.is_sick()
    assert _call(good, account, fails=False) is None


def test_a_sick_process_makes_probes_only_and_its_failures_use_up_no_tries(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")
    _run({bad: True, good: False}, account, time, 5.0)
    assert bad.is_sick()

    ends = _run({bad: True, good: False}, account, time, 60.0)[bad]

    probes = [error for error in ends if not isinstance(error, BreakerOpen)]
    assert 2 <= len(probes) <= 6
    assert {type(error) for error in probes} == {VtexAway}


def test_a_sick_process_is_well_once_a_probe_succeeds(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")
    _run({bad: True, good: False}, account, time, 5.0)
    time.sleep(bad.breaker(account, "get_order").trial_in)

    assert _call(bad, account, fails=False) is None

    assert not bad.is_sick()
    assert good.sick_processes() == {}
    assert _call(bad, account, fails=False) is None


def test_sick_processes_are_named_to_all_and_forgotten_when_they_are_gone(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")
    began = time.clock()
    _run({bad: True, good: False}, account, time, 5.0)

    named = good.sick_processes()
    time.sleep(601.0)

    assert list(named) == ["bad"]
    assert named["bad"] == SickSince(named["bad"].since, (f"{account}/vtex",))
    assert began + 3.0 <= named["bad"].since <= began + 4.0
    assert good.sick_processes() == {}


def test_two_of_four_processes_may_be_sick(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad = [traffic_of("bad1"), traffic_of("bad2")]
    good = [traffic_of("good1"), traffic_of("good2")]
    everybody = dict.fromkeys(bad, True) | dict.fromkeys(good, False)

    ends = _run(everybody, account, time, 10.0)

    assert [traffic.is_sick() for traffic in (*bad, *good)] == [True, True, False, False]
    assert {error for traffic in good for error in ends[traffic]} == {None}


def test_a_peer_that_is_away_from_everybody_makes_nobody_sick(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    one, other = traffic_of("one"), traffic_of("other")
    _run({one: False, other: False}, account, time, 5.0)

    _run({one: True, other: True}, account, time, 40.0)

    assert [one.is_sick(), other.is_sick()] == [False, False]
    assert [each.standing for each in one.usage(account).breakers] != [Circuit.CLOSED]


def test_a_process_that_is_alone_is_not_sick(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    alone = traffic_of("alone")

    _run({alone: True}, account, time, 20.0)

    assert not alone.is_sick()


def test_a_process_that_alone_cannot_reach_an_erp_is_sick_of_that_erp(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")

    for _ in range(50):
        with suppress(ErpUnavailable, BreakerOpen), bad.guard_erp(account, seconds=30):
            raise ErpUnavailable("no route to the ERP")
        with good.guard_erp(account, seconds=30):
            pass
        time.sleep(0.1)

    assert bad.sick_of() == (f"{account}/erp",)
    assert good.erp_rests(account) is None
    assert _call(bad, account, fails=False) is None


def test_what_a_sick_process_cannot_reach_is_left_to_others_until_it_may_probe(
    traffic_of: Processes, account: str, time: VirtualTime
) -> None:
    bad, good = traffic_of("bad"), traffic_of("good")
    before = bad.is_left_to_others(account, ["get_order"])
    _run({bad: True, good: False}, account, time, 10.0)

    while_sick = bad.is_left_to_others(account, ["start_handling", "get_order"])
    other_calls = bad.is_left_to_others(account, ["start_handling"])
    of_the_well = good.is_left_to_others(account, ["get_order"])
    time.sleep(bad.breaker(account, "get_order").trial_in)
    at_the_probe = bad.is_left_to_others(account, ["get_order"])

    assert while_sick
    assert not any([before, other_calls, of_the_well, at_the_probe])
