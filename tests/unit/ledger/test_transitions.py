"""What a worker may write, and what becomes of messages that meet work in other hands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from support.office import ORDER, STORE, Office

from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandClaim, CommandResult, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.tables import orders

READ = Dispatch(STORE, ORDER, Step.FETCH)
DONE = CommandResult(Standing.DONE, "done", progress="done")


@pytest.fixture
def claim(office: Office) -> CommandClaim:
    return office.claim(office.ask("invoice", {"number": "7", "value_cents": 999}))


def order_row(ledger: Ledger) -> dict[str, Any]:
    row, _, _ = ledger.inquiries.story(STORE, ORDER)
    assert row is not None
    return row


def intend(office: Office, claim: CommandClaim, seconds: float = 10) -> datetime:
    until = office.clock() + timedelta(seconds=seconds)
    office.ledger.commands.intend(claim, '{"to": "invoice"}', now=office.clock(), write_until=until)
    return until


def complete(office: Office, claim: CommandClaim) -> list[Dispatch]:
    return office.ledger.commands.complete(claim, DONE, office.entry, now=office.clock())


def note_intent(office: Office, claim: CommandClaim) -> None:
    office.ledger.commands.note_intent(claim, None)


def defer(office: Office, claim: CommandClaim) -> None:
    office.ledger.commands.defer(
        claim, None, due_at=office.clock(), cause="c", reason="r", counts=True, now=office.clock()
    )


def park(office: Office, claim: CommandClaim) -> None:
    office.ledger.commands.park(
        claim, office.entry, cause="c", reason="r", hint="h", now=office.clock()
    )


@pytest.mark.parametrize("write", [intend, note_intent, complete, defer, park])
def test_whoever_was_overtaken_writes_nothing(
    write: Callable[[Office, CommandClaim], object], office: Office, claim: CommandClaim
) -> None:
    office.clock.advance(61)
    office.claim(claim.command_id, owner="another")
    before = (office.row(claim.command_id), order_row(office.ledger))

    with pytest.raises(LeaseLost, match="taken over during"):
        write(office, claim)

    assert (office.row(claim.command_id), order_row(office.ledger)) == before


def test_whoever_was_overtaken_by_a_step_of_the_order_sends_nothing(
    office: Office, claim: CommandClaim
) -> None:
    office.clock.advance(61)
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    assert office.ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="b", now=office.clock())

    with pytest.raises(LeaseLost, match=r"Order .* was taken over"):
        intend(office, claim)

    assert office.row(claim.command_id)["intent"] is None
    assert order_row(office.ledger)["write_until"] is None


def test_an_intent_renews_the_lease_and_is_known_to_whoever_takes_over(
    office: Office, claim: CommandClaim
) -> None:
    office.clock.advance(50)
    intend(office, claim)
    office.clock.advance(50)

    early = office.try_claim(claim.command_id)
    office.clock.advance(10)

    assert early is None
    assert office.claim(claim.command_id).intent == '{"to": "invoice"}'


def test_nobody_takes_an_order_over_while_a_write_may_be_on_the_wire(
    office: Office, claim: CommandClaim
) -> None:
    until = intend(office, claim, seconds=90)
    office.clock.advance(89)
    early = office.try_claim(claim.command_id)
    office.clock.advance(1)

    assert early is None
    assert order_row(office.ledger)["write_until"] == until
    assert office.claim(claim.command_id).version == claim.version + 1


def test_an_intent_ends_with_its_command_unless_vtex_does_not_show_it_yet(
    office: Office, claim: CommandClaim
) -> None:
    intend(office, claim)
    shown_later = CommandResult(
        Standing.WAITING, "accepted", progress="sent", due_in=30, keeps_intent=True
    )
    office.ledger.commands.complete(claim, shown_later, office.entry, now=office.clock())
    kept = office.row(claim.command_id)["intent"]
    office.clock.advance(30)

    complete(office, office.claim(claim.command_id))

    assert kept is not None
    assert office.row(claim.command_id)["intent"] is None
    assert order_row(office.ledger)["write_until"] is None


def test_a_step_whose_message_meets_a_command_at_work_is_dispatched_when_the_order_is_free(
    office: Office,
) -> None:
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    claim = office.claim(office.ask("note", {"message": "hello"}))

    met = office.ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="b", now=office.clock())

    assert met is None
    assert order_row(office.ledger)["dispatched_until"] is None
    assert complete(office, claim) == [READ]


def test_a_step_whose_message_is_still_on_its_way_is_not_dispatched_again(office: Office) -> None:
    office.ledger.orders.look_again(STORE, ORDER, now=office.clock())
    claim = office.claim(office.ask("note", {"message": "hello"}))

    assert complete(office, claim) == []


def test_a_doubled_message_of_a_step_at_work_leaves_it_to_its_worker(office: Office) -> None:
    ledger, clock = office.ledger, office.clock
    ledger.orders.look_again(STORE, ORDER, now=clock())
    claim = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())

    assert ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="b", now=clock()) is None
    assert claim is not None
    assert order_row(ledger)["dispatched_until"] == claim.lease_until


def test_a_command_whose_message_meets_a_step_at_work_is_dispatched_when_the_order_is_free(
    office: Office,
) -> None:
    ledger, clock = office.ledger, office.clock
    ledger.orders.look_again(STORE, ORDER, now=clock())
    claim = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert claim is not None
    command_id = office.ask("note", {"message": "hello"})

    met = office.try_claim(command_id)
    following = ledger.orders.complete(claim, StepResult(Standing.DONE), office.entry, now=clock())

    assert met is None
    assert following == [Dispatch(STORE, ORDER, Step.SEND_NOTE, command_id)]


def test_the_next_step_of_an_order_goes_before_its_commands(office: Office) -> None:
    ledger, clock = office.ledger, office.clock
    ledger.orders.look_again(STORE, ORDER, now=clock())
    claim = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert claim is not None
    office.ask("note", {"message": "hello"})

    following = ledger.orders.complete(
        claim, StepResult(Standing.ACTIVE, Step.HAND_OVER), office.entry, now=clock()
    )

    assert following == [Dispatch(STORE, ORDER, Step.HAND_OVER)]


def test_news_that_come_while_a_command_is_sent_lead_to_a_read(
    office: Office, claim: CommandClaim
) -> None:
    at_once = office.ledger.orders.look_again(STORE, ORDER, now=office.clock())

    following = complete(office, claim)

    row = order_row(office.ledger)
    assert at_once == []
    assert following == [READ]
    assert (row["standing"], row["next_step"], row["news"]) == ("active", "orders.fetch", True)


def test_news_of_a_parked_order_that_come_while_a_command_is_sent_revive_it(
    office: Office,
) -> None:
    ledger, clock = office.ledger, office.clock
    ledger.orders.look_again(STORE, ORDER, now=clock())
    read = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert read is not None
    ledger.orders.park(read, office.entry, cause="c", reason="r", hint="h", now=clock())
    claim = office.claim(office.ask("note", {"message": "hello"}))
    ledger.orders.look_again(STORE, ORDER, now=clock())

    following = complete(office, claim)

    row = order_row(ledger)
    assert following == [READ]
    assert (row["standing"], row["cause"], row["hint"]) == ("active", None, None)


def test_a_command_leaves_its_order_as_it_was(office: Office) -> None:
    ledger, clock = office.ledger, office.clock
    ledger.orders.look_again(STORE, ORDER, now=clock())
    read = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert read is not None
    ledger.orders.park(read, office.entry, cause="c", reason="r", hint="h", now=clock())
    before = order_row(ledger)

    complete(office, office.claim(office.ask("note", {"message": "hello"})))

    after = order_row(ledger)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"version"}


def test_a_command_that_waits_for_its_order_goes_on_when_the_order_is_done(
    office: Office,
) -> None:
    ledger, clock = office.ledger, office.clock
    command_id = office.ask("note", {"message": "hello"})
    office.defer(command_id, 600, counts=False)
    failing = office.ask("note", {"message": "failing"})
    office.defer(failing, 600)
    ledger.orders.look_again(STORE, ORDER, now=clock())
    claim = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())
    assert claim is not None

    following = ledger.orders.complete(claim, StepResult(Standing.DONE), office.entry, now=clock())

    assert following == [Dispatch(STORE, ORDER, Step.SEND_NOTE, command_id)]
    assert office.row(failing)["due_at"] > clock()


@pytest.mark.parametrize(("seconds", "number"), [(0, 1), (60, 0)], ids=["at once", "in a minute"])
def test_a_command_that_is_accepted_while_its_order_is_being_freed_goes_on_at_once(
    office: Office, seconds: float, number: int
) -> None:
    orders = office.ledger.orders
    orders.look_again(STORE, ORDER, now=office.clock())
    claim = orders.claim(STORE, ORDER, Step.FETCH, owner="me", now=office.clock())
    assert claim is not None
    read_before_its_turn = office.clock()
    not_before = read_before_its_turn + timedelta(seconds=seconds) if seconds else None
    office.ask("invoice", {"number": "1"}, not_before=not_before)

    done = StepResult(Standing.DONE)
    following = orders.complete(claim, done, office.entry, now=read_before_its_turn)

    assert len(following) == number


def test_a_command_of_an_order_that_nobody_knows_makes_it_known(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    with office.ledger.database.writing() as connection:
        connection.execute(sa.delete(orders))

    claim = office.claim(command_id)

    assert claim.order_version == 1
    assert order_row(office.ledger)["standing"] == "done"


def test_the_clocks_of_two_processes_may_differ_by_a_little(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    office.clock.advance(-2)
    early = office.try_claim(command_id)
    office.ledger.orders.look_again(STORE, "other-01", now=office.clock())
    office.clock.advance(-2.1)

    late = office.ledger.orders.claim(STORE, "other-01", Step.FETCH, owner="a", now=office.clock())

    assert early is not None
    assert late is None


def test_an_erp_is_asked_for_what_it_was_not_told_when_its_command_ends(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    office.finish(command_id)

    turns = office.ledger.accounts.claim(
        [Chore.PULL], now=office.clock(), lease=timedelta(seconds=60), limit=10
    )
    assert [turn.account for turn in turns] == [STORE]
