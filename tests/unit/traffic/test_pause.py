from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from unit.traffic.virtual_time import VirtualTime

from orders_sync.traffic.lanes import Why
from orders_sync.traffic.pause import Pause, PauseState, read_pause
from orders_sync.traffic.shared import Shared, key

PROBE_SECONDS = 15.0
Pauses = Callable[..., Pause]


@pytest.fixture
def pause_of(process: Callable[..., Shared], account: str, time: VirtualTime) -> Pauses:
    """Make the pause of the account, as one more process sees it."""

    def make(of: str = account) -> Pause:
        return Pause(
            process(),
            of,
            probe_seconds=PROBE_SECONDS,
            random=random.Random(1),
            clock=time.clock,
        )

    return make


@pytest.fixture
def paused(pause_of: Pauses) -> Pause:
    pause = pause_of()
    pause.refused("orders")
    pause.refused("orders")
    return pause


def test_one_refusal_pauses_nothing(pause_of: Pauses) -> None:
    pause = pause_of()

    pause.refused("orders")

    assert pause.allows() is None
    assert not pause.is_paused


def test_two_refusals_in_a_row_pause_the_account_for_all(paused: Pause, pause_of: Pauses) -> None:
    wait = pause_of().allows()

    assert paused.is_paused
    assert wait is not None
    assert wait.why is Why.PAUSE
    assert wait.seconds >= PROBE_SECONDS


def test_refusals_that_two_processes_see_count_together(pause_of: Pauses) -> None:
    one, other = pause_of(), pause_of()

    one.refused("orders")
    other.refused("feed")

    assert other.is_paused


@pytest.mark.usefixtures("paused")
def test_another_account_is_not_paused(pause_of: Pauses, account: str) -> None:
    assert pause_of(f"{account}other").allows() is None


def test_an_accepted_call_between_two_refusals_makes_them_no_row(
    pause_of: Pauses, time: VirtualTime
) -> None:
    pause = pause_of()

    pause.refused("orders")
    pause.accepted()
    time.sleep(10.0)
    pause.refused("orders")

    assert not pause.is_paused


def test_a_missing_permission_does_not_stop_what_is_still_allowed(
    pause_of: Pauses, time: VirtualTime
) -> None:
    orders, cancellations = pause_of(), pause_of()

    for _ in range(20):
        time.sleep(1.0)
        orders.accepted()
        cancellations.refused("cancellations")
        cancellations.refused("cancellations")

    assert orders.allows() is None


def test_a_key_that_is_revoked_pauses_the_account_within_seconds(
    pause_of: Pauses, time: VirtualTime
) -> None:
    pause = pause_of()
    pause.accepted()

    refused = 0
    while not pause.is_paused:
        time.sleep(0.5)
        pause.refused("orders")
        refused += 1

    assert refused <= 6


def test_one_probe_passes_at_a_time(paused: Pause, pause_of: Pauses, time: VirtualTime) -> None:
    pauses = [paused, pause_of(), pause_of()]

    passed = []
    for second in range(46):
        passed += [second for pause in pauses if pause.allows() is None]
        time.sleep(1.0)

    assert passed == [15, 30, 45]


def test_a_probe_that_is_accepted_ends_the_pause_for_all(
    paused: Pause, pause_of: Pauses, time: VirtualTime
) -> None:
    other = pause_of()
    time.sleep(PROBE_SECONDS)
    assert paused.allows() is None

    paused.accepted()

    assert not paused.is_paused
    assert other.allows() is None


def test_a_probe_that_is_refused_goes_on_with_the_pause(
    paused: Pause, pause_of: Pauses, time: VirtualTime
) -> None:
    time.sleep(PROBE_SECONDS)
    assert paused.allows() is None

    paused.refused("orders")

    assert pause_of().allows() is not None


@pytest.mark.usefixtures("paused")
def test_what_was_refused_and_since_when_can_be_read(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    fields = process().fields(key(account, "pause"))

    assert fields is not None
    assert read_pause(fields) == PauseState(time.clock(), "orders")


def test_an_account_that_is_not_paused_reads_as_none(
    pause_of: Pauses, process: Callable[..., Shared], account: str
) -> None:
    pause_of().accepted()

    fields = process().fields(key(account, "pause"))

    assert fields
    assert read_pause(fields) is None
