"""Commands that come in: kept once, in line, and due, a whole page of them in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from support.office import ORDER, STORE, Office

from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import CommandResult, Dispatch, Step
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.outbound.accept import Accepted, accept_all

#: A page asks so much of the ledger, however many rows it has.
MOST_STATEMENTS = 21

REFUSED = CommandResult(Standing.PARKED, "refused", cause="vtex.refused", reason="no", hint="mend")


def ask_all(office: Office, *lot: Command) -> list[Accepted]:
    office.clock.advance(1)
    return [*accept_all(lot, account=STORE, source="erp", intake=office.intake)]


def invoice(number: object, *, key: str | None = None, order_id: str = ORDER) -> Command:
    return Command("invoice", order_id, {"number": f"{number}", "value_cents": 999}, key)


@contextmanager
def counted(engine: sa.Engine) -> Iterator[dict[str, int]]:
    number = {"commits": 0, "statements": 0}

    def note_commit(_: sa.Connection) -> None:
        number["commits"] += 1

    def note_statement(*_: object) -> None:
        number["statements"] += 1

    sa.event.listen(engine, "commit", note_commit)
    sa.event.listen(engine, "before_cursor_execute", note_statement)
    yield number
    sa.event.remove(engine, "commit", note_commit)
    sa.event.remove(engine, "before_cursor_execute", note_statement)


@pytest.mark.parametrize("window", [2, 1000])
def test_a_page_is_one_transaction_and_few_statements_whatever_there_is_room_for(
    office: Office, window: int
) -> None:
    windows = office.ledger.windows
    windows.account = windows.total = window
    endpoint = Endpoint("ep_1", "https://a.example/", None, None, "whsec_c2VjcmV0", office.clock())
    office.ledger.endpoints.add(endpoint, office.act)
    # Lines of two invoices each, half of them behind a cancellation; orders to be read, and what
    # is refused, of which the endpoint is told.
    lot = [invoice(number, order_id=f"{number % 50}-01") for number in range(100)]
    lot += [Command("cancel", f"{number}-01", {"reason": "no"}, None) for number in range(25)]
    lot += [Command("sync", f"{number}-02", {}, None) for number in range(25)]
    lot += [Command("track", f"{number}-03", {}, None) for number in range(25)]

    with counted(office.ledger.database.engine) as number:
        accepted = ask_all(office, *lot)

    assert all(each.is_new for each in accepted)
    assert number["commits"] == 1
    assert number["statements"] <= MOST_STATEMENTS
    assert len(office.dispatched) == min(window, 75)
    assert (
        len(office.ledger.deliveries.take("ep_1", at_once=99, limit=99, now=office.clock())) == 50
    )


def test_a_page_of_one_order_is_one_line_of_which_the_oldest_goes(office: Office) -> None:
    accepted = ask_all(office, *(invoice(number) for number in range(5)))

    rows = [office.row(each.command_id) for each in accepted]
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["due_at"] for row in rows] == [office.clock(), None, None, None, None]
    assert {row["cause"] for row in rows[1:]} == {"line.behind"}
    assert office.dispatched == [Dispatch(STORE, ORDER, Step.SEND_INVOICE, accepted[0].command_id)]


def test_a_page_dispatches_no_more_than_there_is_room_and_the_rest_is_due(office: Office) -> None:
    office.ledger.windows.account = 2
    lot = [invoice(number, order_id=f"{number}-01") for number in range(5)]

    ask_all(office, *lot)

    due = office.ledger.due_work.take(STORE, Step.SEND_INVOICE, limit=10, now=office.clock())
    assert [each.order_id for each in office.dispatched] == ["0-01", "1-01"]
    assert sorted(each.order_id for each in due) == ["2-01", "3-01", "4-01"]


def test_the_same_twice_in_one_page_is_one_and_another_under_its_key_is_refused(
    office: Office,
) -> None:
    first, again, other = ask_all(
        office, invoice(1, key="k"), invoice(1, key="k"), invoice(2, key="k")
    )

    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert first.command_id == again.command_id
    assert other.refusal is not None
    assert first.command_id in other.refusal


def test_a_key_conflict_is_kept_as_refused_at_the_end_of_its_line(office: Office) -> None:
    first = office.ask("invoice", {"number": "1", "value_cents": 9}, "k")
    conflicting = office.ask("invoice", {"number": "2", "value_cents": 9}, "k")

    row = office.row(conflicting)
    assert (row["standing"], row["outcome"]) == ("parked", "refused")
    assert row["cause"] == "command.key_conflict"
    assert row["position"] == 2
    assert office.row(first)["standing"] == "active"


def test_a_refused_key_conflict_holds_nothing_that_was_asked_for_before_it(office: Office) -> None:
    office.finish(office.ask("invoice", {"number": "1", "value_cents": 9}, "k"))
    rest = office.ask("invoice", {"number": "3"})
    office.ask("invoice", {"number": "2", "value_cents": 9}, "k")

    office.ask("invoice", {"number": "4", "value_cents": 9})

    assert office.claim(rest).command_id == rest


def test_a_correction_takes_the_place_of_what_vtex_refused(office: Office) -> None:
    wrong = office.ask("invoice", {"number": "7", "value_cents": 999}, "k")
    office.finish(wrong, REFUSED)
    later = office.ask("invoice", {"number": "20", "value_cents": 1})

    right = office.ask("invoice", {"number": "7", "value_cents": 99}, "k-mended")

    assert office.row(right)["position"] == office.row(wrong)["position"] == 1
    assert office.try_claim(later) is None
    assert office.claim(right).command_id == right


def test_a_correction_of_what_was_never_accepted_goes_before_what_was_asked_for_since(
    office: Office,
) -> None:
    office.ask("invoice", {"numbr": "7"}, "k")
    later = office.ask("invoice", {"number": "8", "value_cents": 1})

    right = office.ask("invoice", {"number": "7", "value_cents": 999}, "k")

    assert office.try_claim(later) is None
    assert office.claim(right).position == 1


def test_an_erp_that_asks_for_what_a_service_asked_for_is_told_the_outcome(office: Office) -> None:
    body = {"number": "7", "value_cents": 999}
    command_id = office.ask("invoice", body, source="service")
    before = office.ledger.command_facts.untold(STORE, limit=10)

    again = office.ask("invoice", body)
    office.ledger.command_facts.mark_told(
        STORE, office.ledger.command_facts.untold(STORE, limit=10)
    )
    told = office.ledger.command_facts.untold(STORE, limit=10)
    office.finish(command_id)

    [untold] = office.ledger.command_facts.untold(STORE, limit=10)
    assert again == command_id
    assert (before, told) == ([], [])
    assert (untold["id"], untold["outcome"]) == (command_id, "done")


def test_an_erp_that_asks_again_is_told_again(office: Office) -> None:
    command_id = office.ask("note", {"message": "hello"})
    office.finish(command_id)
    office.ledger.command_facts.mark_told(STORE, [office.row(command_id)])

    office.ask("note", {"message": "hello"})

    [untold] = office.ledger.command_facts.untold(STORE, limit=10)
    assert (untold["id"], untold["outcome"]) == (command_id, "done")


def test_a_service_that_asks_again_has_nobody_told(office: Office) -> None:
    office.ask("note", {"message": "hello"}, source="service")

    office.ask("note", {"message": "hello"}, source="service")

    assert office.ledger.command_facts.untold(STORE, limit=10) == []


def test_a_sync_is_done_and_its_read_due_in_the_same_transaction(office: Office) -> None:
    with counted(office.ledger.database.engine) as number:
        [accepted] = ask_all(office, Command("sync", ORDER, {}, None))

    order, _, _ = office.ledger.inquiries.story(STORE, ORDER)
    assert order is not None
    assert number["commits"] == 1
    assert office.row(accepted.command_id)["outcome"] == "done"
    assert (order["next_step"], order["due_at"], order["news"]) == (
        "orders.fetch",
        office.clock(),
        True,
    )
    assert office.dispatched == [Dispatch(STORE, ORDER, Step.FETCH)]


def test_a_command_makes_its_order_known_and_has_it_read_by_nobody(office: Office) -> None:
    office.ask("note", {"message": "hello"})

    order, _, _ = office.ledger.inquiries.story(STORE, ORDER)
    assert order is not None
    assert (order["standing"], order["next_step"], order["due_at"]) == ("done", None, None)


def test_a_command_that_is_asked_for_later_waits_until_then(office: Office) -> None:
    later = office.clock.now.replace(hour=13)

    command_id = office.ask("note", {"message": "hello"}, not_before=later)

    assert (office.row(command_id)["due_at"], office.dispatched) == (later, [])
    assert office.try_claim(command_id) is None
    office.clock.now = later
    assert office.claim(command_id).command_id == command_id


def test_a_command_that_is_asked_for_later_does_so_in_line_too(office: Office) -> None:
    later = office.clock.now.replace(hour=13)
    first = office.ask("invoice", {"number": "1", "value_cents": 1})
    second = office.ask("invoice", {"number": "2", "value_cents": 1}, not_before=later)

    following = office.finish(first)

    assert following == []
    assert office.try_claim(second) is None
    office.clock.now = later
    assert office.claim(second).command_id == second


def test_one_that_is_due_before_its_turn_stands_back_until_then(office: Office) -> None:
    first = office.ask("invoice", {"number": "1", "value_cents": 1})
    later = office.clock().replace(hour=13)
    second = office.ask("invoice", {"number": "2", "value_cents": 1}, not_before=later)
    office.clock.now = later

    early = office.try_claim(second)

    assert early is None
    assert office.row(second)["due_at"] is None
    assert office.finish(first) == [Dispatch(STORE, ORDER, Step.SEND_INVOICE, second)]
