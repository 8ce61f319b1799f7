from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from unit.traffic.virtual_time import VirtualTime, hash_of

from orders_sync.traffic.pause import Pause, PauseState, pauses_key, read_pauses
from orders_sync.traffic.shared import Shared
from orders_sync.traffic.waits import Why

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
    pause.refused("orders", is_key_unknown=True)
    pause.refused("orders", is_key_unknown=True)
    return pause


def test_one_refusal_pauses_nothing(pause_of: Pauses) -> None:
    pause = pause_of()

    pause.refused("orders", is_key_unknown=True)

    assert pause.allows("orders") is None
    assert not pause.is_paused


def test_two_refusals_in_a_row_pause_the_account_for_all(paused: Pause, pause_of: Pauses) -> None:
    wait = pause_of().allows("orders")

    assert paused.is_paused
    assert wait is not None
    assert wait.why is Why.PAUSE
    assert wait.seconds >= PROBE_SECONDS


def test_refusals_that_two_processes_see_count_together(pause_of: Pauses) -> None:
    one, other = pause_of(), pause_of()

    one.refused("orders", is_key_unknown=True)
    other.refused("feed", is_key_unknown=True)

    assert other.is_paused


@pytest.mark.usefixtures("paused")
def test_another_account_is_not_paused(pause_of: Pauses, account: str) -> None:
    assert pause_of(f"{account}other").allows("orders") is None


def test_an_accepted_call_between_two_refusals_makes_them_no_row(
    pause_of: Pauses, time: VirtualTime
) -> None:
    pause = pause_of()

    pause.refused("orders", is_key_unknown=True)
    pause.accepted("orders")
    time.sleep(10.0)
    pause.refused("orders", is_key_unknown=True)

    assert not pause.is_paused


def test_an_unknown_key_is_a_passing_fault_while_other_calls_are_accepted(
    pause_of: Pauses, time: VirtualTime
) -> None:
    orders, cancellations = pause_of(), pause_of()

    for _ in range(20):
        time.sleep(1.0)
        orders.accepted("orders")
        cancellations.refused("cancellations", is_key_unknown=True)
        cancellations.refused("cancellations", is_key_unknown=True)

    assert orders.allows("orders") is None


def test_a_key_that_is_revoked_pauses_the_account_within_seconds(
    pause_of: Pauses, time: VirtualTime
) -> None:
    pause = pause_of()
    pause.accepted("orders")

    refused = 0
    while not pause.is_paused:
        time.sleep(0.5)
        pause.refused("orders", is_key_unknown=True)
        refused += 1

    assert refused <= 6


def test_one_probe_passes_at_a_time(paused: Pause, pause_of: Pauses, time: VirtualTime) -> None:
    pauses = [paused, pause_of(), pause_of()]

    passed = []
    for second in range(46):
        passed += [second for pause in pauses if pause.allows("orders") is None]
        time.sleep(1.0)

    assert passed == [15, 30, 45]


def test_a_probe_that_is_accepted_ends_the_pause_for_all(
    paused: Pause, pause_of: Pauses, time: VirtualTime
) -> None:
    other = pause_of()
    time.sleep(PROBE_SECONDS)
    assert paused.allows("orders") is None

    paused.accepted("orders")

    assert not paused.is_paused
    assert other.allows("orders") is None


def test_a_probe_that_is_refused_goes_on_with_the_pause(
    paused: Pause, pause_of: Pauses, time: VirtualTime
) -> None:
    time.sleep(PROBE_SECONDS)
    assert paused.allows("orders") is None

    paused.refused("orders", is_key_unknown=True)

    assert pause_of().allows("orders") is not None


def forbid(pause: Pause, group: str) -> None:
    for _ in range(2):
        pause.refused(group, is_key_unknown=False)


def test_a_missing_permission_pauses_only_the_calls_that_need_it(
    pause_of: Pauses, process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    one, other = pause_of(), pause_of()

    forbid(one, "invoice")

    waits = [pause.allows("invoice") for pause in (one, other)]
    assert {wait.why for wait in waits if wait} == {Why.FORBIDDEN}
    assert [pause.allows("orders") for pause in (one, other)] == [None, None]
    fields = hash_of(process(), pauses_key(account))
    assert read_pauses(fields) == (
        None,
        (PauseState(time.clock(), "invoice", time.clock() + PROBE_SECONDS),),
    )


def test_two_missing_permissions_do_not_add_up_to_an_unknown_key(pause_of: Pauses) -> None:
    pause = pause_of()

    forbid(pause, "feed")
    forbid(pause, "cancel")

    assert not pause.is_paused
    assert pause.allows("orders") is None


def test_a_call_that_was_forbidden_once_goes_on(pause_of: Pauses, time: VirtualTime) -> None:
    pause = pause_of()

    for _ in range(10):
        pause.refused("feed", is_key_unknown=False)
        pause.accepted("feed")
        time.sleep(5.0)

    assert pause.allows("feed") is None


def test_a_forbidden_call_is_probed_however_busy_the_others_are(
    pause_of: Pauses, time: VirtualTime
) -> None:
    pause = pause_of()
    forbid(pause, "invoice")

    probed = []
    for tenth in range(460):
        pause.allows("orders")
        pause.accepted("orders")
        probed += [tenth // 10] if pause.allows("invoice") is None else []
        time.sleep(0.1)

    assert probed == [15, 30, 45]


def test_a_permission_that_was_given_ends_its_pause_for_all(
    pause_of: Pauses, time: VirtualTime
) -> None:
    one, other = pause_of(), pause_of()
    forbid(one, "invoice")
    forbid(one, "cancel")
    time.sleep(PROBE_SECONDS)
    assert one.allows("invoice") is None

    one.accepted("invoice")

    assert other.allows("invoice") is None
    assert other.allows("cancel") is None
    assert other.allows("cancel") is not None


@pytest.mark.usefixtures("paused")
def test_what_was_refused_and_since_when_can_be_read(
    process: Callable[..., Shared], account: str, time: VirtualTime
) -> None:
    fields = hash_of(process(), pauses_key(account))

    assert read_pauses(fields) == (
        PauseState(time.clock(), "orders", time.clock() + PROBE_SECONDS),
        (),
    )


def test_an_account_that_is_not_paused_reads_as_none(
    pause_of: Pauses, process: Callable[..., Shared], account: str
) -> None:
    pause = pause_of()
    pause.accepted("orders")
    pause.accepted("orders")

    fields = hash_of(process(), pauses_key(account))

    assert fields
    assert read_pauses(fields) == (None, ())
