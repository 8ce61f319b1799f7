from __future__ import annotations

from datetime import timedelta

import pytest
from support.office import ORDER, STORE, Office

from orders_sync.domain.steps import Dispatch, Step
from orders_sync.ledger import Ledger
from orders_sync.testing.clock import SettableClock

NOTHING = timedelta(0)
FETCH = Dispatch(STORE, ORDER, Step.FETCH)


def due(ledger: Ledger, clock: SettableClock) -> list[Dispatch]:
    taken = (ledger.orders.take_due, ledger.commands.take_due)
    return [each for take in taken for each in take(now=clock(), grace=NOTHING, limit=10)]


@pytest.fixture
def order(ledger: Ledger, clock: SettableClock) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())


@pytest.fixture
def command(office: Office) -> Dispatch:
    office.ask("invoice", {"number": "7"})
    return office.dispatched[-1]


@pytest.mark.usefixtures("order")
def test_an_order_whose_message_was_not_taken_is_due_at_once(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.undelivered.unsent([FETCH], now=clock())

    assert due(ledger, clock) == [FETCH]


def test_a_command_whose_message_was_not_taken_is_due_at_once(
    ledger: Ledger, clock: SettableClock, command: Dispatch
) -> None:
    ledger.undelivered.unsent([command], now=clock())

    assert command in due(ledger, clock)


@pytest.mark.usefixtures("order")
def test_a_delayed_message_that_was_not_taken_is_due_after_its_delay(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.undelivered.unsent([Dispatch(STORE, ORDER, Step.FETCH, delay=20)], now=clock())

    assert due(ledger, clock) == []
    clock.advance(20)
    assert due(ledger, clock) == [FETCH]


@pytest.mark.usefixtures("order")
def test_the_message_of_a_step_that_is_past_changes_nothing(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.undelivered.unsent([Dispatch(STORE, ORDER, Step.HAND_OVER)], now=clock())

    assert due(ledger, clock) == []


@pytest.mark.usefixtures("order")
def test_everything_without_a_worker_is_due_once_the_broker_lost_all(
    ledger: Ledger, clock: SettableClock
) -> None:
    assert ledger.undelivered.lost(now=clock()) == 1

    assert due(ledger, clock) == [FETCH]


def test_a_command_is_due_once_the_broker_lost_all(
    ledger: Ledger, clock: SettableClock, command: Dispatch
) -> None:
    ledger.undelivered.lost(now=clock())

    assert command in due(ledger, clock)


@pytest.mark.usefixtures("order")
def test_what_a_worker_has_in_hand_is_left_to_it(ledger: Ledger, clock: SettableClock) -> None:
    ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())

    ledger.undelivered.unsent([FETCH], now=clock())

    assert ledger.undelivered.lost(now=clock()) == 0
    assert due(ledger, clock) == []


def test_a_command_that_a_worker_has_in_hand_is_left_to_it(
    ledger: Ledger, clock: SettableClock, office: Office, command: Dispatch
) -> None:
    office.claim(command.command_id or "")

    ledger.undelivered.unsent([command], now=clock())

    assert ledger.undelivered.lost(now=clock()) == 0
    assert command not in due(ledger, clock)
