"""Commands of one order that conflict are sent in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from support.office import ORDER, STORE, Office

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, Dispatch, Step

FOLLOWED = CommandResult(
    Standing.WAITING, "accepted", Step.FOLLOW_CHANGE, progress="sent", receipt="R", due_in=600
)


def invoices(office: Office, number: int = 2) -> list[str]:
    return [
        office.ask("invoice", {"number": f"{at}", "value_cents": 1}) for at in range(1, number + 1)
    ]


def send(command_id: str) -> Dispatch:
    return Dispatch(STORE, ORDER, Step.SEND_INVOICE, command_id)


def waits(office: Office, command_id: str) -> None:
    office.defer(command_id, 600, counts=False)


def fails(office: Office, command_id: str) -> None:
    office.defer(command_id, 600)
    office.clock.advance(600)
    office.defer(command_id, 600)


def is_in_hand(office: Office, command_id: str) -> None:
    office.claim(command_id)


def is_lost_with_its_worker(office: Office, command_id: str) -> None:
    office.claim(command_id)
    office.clock.advance(61)


@pytest.mark.parametrize("happens", [waits, fails, is_in_hand, is_lost_with_its_worker])
def test_the_second_waits_whatever_makes_the_first_wait(
    office: Office, happens: Callable[[Office, str], None]
) -> None:
    first, second = invoices(office)

    happens(office, first)

    assert office.try_claim(second) is None
    row = office.row(second)
    assert (row["standing"], row["due_at"], row["dispatched_until"]) == ("waiting", None, None)
    assert row["cause"] == "line.behind"
    assert first in row["reason"]


def is_done(office: Office, command_id: str) -> Sequence[Dispatch]:
    return office.finish(command_id)


def is_parked(office: Office, command_id: str) -> Sequence[Dispatch]:
    return office.park(command_id)


def is_refused(office: Office, command_id: str) -> Sequence[Dispatch]:
    refused = CommandResult(Standing.PARKED, "refused", cause="c", reason="no", hint="mend")
    return office.finish(command_id, refused)


@pytest.mark.parametrize("happens", [is_done, is_parked, is_refused])
def test_the_second_goes_at_once_when_the_first_is_decided(
    office: Office, happens: Callable[[Office, str], Sequence[Dispatch]]
) -> None:
    first, second, third = invoices(office, 3)

    following = happens(office, first)

    assert following == [send(second)]
    assert office.row(second)["cause"] is None
    assert office.try_claim(third) is None
    assert office.claim(second).command_id == second


def test_a_discarded_command_lets_what_it_held_go(office: Office) -> None:
    first = office.ask("invoice", {"number": "1", "value_cents": 1})
    office.park(first)
    rest = office.ask("invoice", {"number": "2"})

    held = office.try_claim(rest)
    following = office.ledger.decisions.discard(first, office.act)

    assert held is None
    assert following == [send(rest)]


def test_a_reopened_command_has_the_later_ones_that_have_not_begun_behind_it_again(
    office: Office,
) -> None:
    first, second = invoices(office)
    office.park(first)
    assert office.row(second)["due_at"] is not None

    following = office.retry(first)

    assert following == [send(first)]
    assert office.try_claim(second) is None
    assert office.row(second)["cause"] == "line.behind"
    assert office.finish(first) == [send(second)]


def test_a_reopened_command_waits_for_a_later_one_that_has_begun(office: Office) -> None:
    first, second = invoices(office)
    office.park(first)
    claim = office.claim(second)
    soon = office.clock() + timedelta(seconds=10)
    office.ledger.commands.intend(claim, "{}", now=office.clock(), write_until=soon)

    following = office.retry(first)
    office.clock.advance(61)

    assert following == []
    assert office.try_claim(first) is None
    assert office.finish(second) == [send(first)]


def test_the_claim_of_a_later_one_outlives_that_an_older_one_is_reopened(office: Office) -> None:
    first, second = invoices(office)
    office.park(first)
    claim = office.claim(second)
    office.retry(first)

    done = CommandResult(Standing.DONE, "done", progress="done")
    following = office.ledger.commands.complete(claim, done, office.entry, now=office.clock())

    assert following == [send(first)]
    assert office.row(second)["standing"] == "done"


def test_an_edit_may_make_the_rest_of_an_invoice_and_lines_are_put_right(office: Office) -> None:
    first, second = invoices(office)
    office.park(first)
    office.park(second)

    following = office.edit(second, {"number": "2"})

    assert following == []
    assert office.row(second)["cause"] == "line.held"
    assert office.retry(first) == [send(first)]


def test_a_cancellation_passes_an_invoice_and_is_dispatched_first(office: Office) -> None:
    [first] = invoices(office, 1)
    office.defer(first, 60)

    cancel = office.ask("cancel", {"reason": "fraud"})

    assert office.dispatched[-1] == Dispatch(STORE, ORDER, Step.SEND_CANCEL, cancel)
    assert office.claim(cancel).command_id == cancel


def test_a_cancellation_waits_for_an_invoice_that_may_be_on_the_wire(office: Office) -> None:
    [first] = invoices(office, 1)
    claim = office.claim(first)
    soon = office.clock() + timedelta(seconds=10)
    office.ledger.commands.intend(claim, "{}", now=office.clock(), write_until=soon)
    cancel = office.ask("cancel", {"reason": "fraud"})
    office.clock.advance(61)

    assert office.try_claim(cancel) is None
    assert office.row(cancel)["reason"].startswith(f"It was asked for after invoice {first}")
    assert office.finish(first) == [Dispatch(STORE, ORDER, Step.SEND_CANCEL, cancel)]


def test_an_invoice_waits_for_a_change_that_is_followed(office: Office) -> None:
    change = office.ask("change", {"reason": "x", "manual_discount_cents": 1})
    [invoice] = invoices(office, 1)
    office.finish(change, FOLLOWED)

    assert office.try_claim(invoice) is None
    office.clock.advance(600)
    assert office.finish(change) == [send(invoice)]


def test_tracking_waits_for_the_tracking_of_its_own_invoice_only(office: Office) -> None:
    def track(number: str, description: str) -> str:
        event = {"city": "x", "state": "y", "description": description, "date": "2026-11-27"}
        return office.ask("track", {"invoice_number": number, "events": [event]})

    first, other, second = track("1", "sent"), track("2", "sent"), track("1", "arrived")
    office.defer(first, 60)

    assert office.try_claim(second) is None
    assert office.claim(other).command_id == other


def test_notes_wait_for_nobody(office: Office) -> None:
    invoices(office, 1)
    first, second = (office.ask("note", {"message": text}) for text in "ab")
    office.defer(first, 60)

    assert office.claim(second).command_id == second


def test_lines_of_other_orders_and_accounts_are_lines_of_their_own(office: Office) -> None:
    office.defer(invoices(office, 1)[0], 60)

    other = office.ask("invoice", {"number": "9", "value_cents": 1}, order_id="another-01")

    assert office.claim(other).command_id == other


def test_whoever_comes_while_the_order_is_worked_on_is_dispatched_when_it_is_free(
    office: Office,
) -> None:
    note, other = (office.ask("note", {"message": text}) for text in "ab")
    claim = office.claim(note)

    early = office.try_claim(other)
    done = CommandResult(Standing.DONE, "done", progress="done")
    following = office.ledger.commands.complete(claim, done, office.entry, now=office.clock())

    assert early is None
    assert following == [Dispatch(STORE, ORDER, Step.SEND_NOTE, other)]
