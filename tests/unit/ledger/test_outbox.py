"""Which events are written, with what made them true, and only where an endpoint wants them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from support.office import ORDER, STORE, Office

from orders_sync.domain.commands import Command
from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, CommandResult, Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore
from orders_sync.ledger.deliveries import Attempt, DeliveryResult
from orders_sync.ledger.endpoints import Endpoint
from orders_sync.ledger.journal import Act, JournalLine
from orders_sync.ledger.order_rows import lock_orders
from orders_sync.ledger.outbox import KNOWN_AFTER_SECONDS, Outbox, deliveries, endpoints, outbox
from orders_sync.ledger.reconciliation import DiscrepancyRecord
from orders_sync.ledger.tables import commands, orders
from orders_sync.outbound.accept import accept_all
from orders_sync.testing.clock import SettableClock
from orders_sync.upkeep.purge import forget_events

pytestmark = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

NOTE = {"message": "Packed."}


class Told:
    """What the outbox of a ledger has."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @property
    def events(self) -> list[dict[str, Any]]:
        with self.ledger.database.reading() as connection:
            rows = connection.execute(sa.select(outbox.c.body).order_by(outbox.c.seq))
            return [json.loads(body) for body in rows.scalars()]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def facts(self, number: int = -1) -> dict[str, str]:
        facts: dict[str, str] = self.events[number]["data"]
        return facts

    @property
    def deliveries(self) -> int:
        with self.ledger.database.reading() as connection:
            count = sa.select(sa.func.count()).select_from(deliveries)
            return connection.execute(count).scalar_one()


def add_endpoint(ledger: Ledger, clock: SettableClock, *events: str) -> Endpoint:
    wanted = frozenset(events) or None
    endpoint = Endpoint("ep_1", "https://a.example/", wanted, None, "whsec_c2VjcmV0", clock())
    ledger.endpoints.add(endpoint, Act(clock(), "me"))
    return endpoint


@pytest.fixture
def told(ledger: Ledger, clock: SettableClock) -> Told:
    add_endpoint(ledger, clock)
    return Told(ledger)


def claim(ledger: Ledger, clock: SettableClock, step: Step = Step.FETCH) -> Claim:
    ledger.orders.look_again(STORE, ORDER, now=clock())
    claimed = ledger.orders.claim(STORE, ORDER, step, owner="me", now=clock())
    assert claimed is not None
    return claimed


def entry(clock: SettableClock) -> JournalLine:
    return JournalLine(clock(), STORE, ORDER, "step.done")


def complete(ledger: Ledger, clock: SettableClock, claimed: Claim, result: StepResult) -> None:
    ledger.orders.complete(claimed, result, entry(clock), now=clock())


def test_an_order_that_the_erp_has_and_vtex_knows_of_is_placed_and_done(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    placed = StepResult(Standing.ACTIVE, Step.START_HANDLING, Progress.PLACED, erp_reference="SO-1")
    claimed = ledger.orders.advance(claim(ledger, clock), placed, entry(clock), now=clock())

    complete(ledger, clock, claimed, StepResult(Standing.DONE, None, Progress.HANDLING))

    assert told.types == ["order.placed", "order.done"]
    assert told.facts(0) == {"account": STORE, "order_id": ORDER, "reference": "SO-1"}
    assert told.facts(1)["outcome"] == "handled"


def test_an_order_is_done_once_vtex_knows_though_a_change_of_it_is_untold(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    placed = StepResult(Standing.ACTIVE, Step.START_HANDLING, Progress.PLACED, erp_reference="SO-1")
    handled = StepResult(Standing.ACTIVE, Step.TELL_CHANGE, Progress.HANDLING)
    claimed = ledger.orders.advance(claim(ledger, clock), placed, entry(clock), now=clock())

    claimed = ledger.orders.advance(claimed, handled, entry(clock), now=clock())
    complete(ledger, clock, claimed, StepResult(Standing.DONE, None, Progress.HANDLING))

    assert told.types == ["order.placed", "order.done"]


def test_what_is_read_again_is_not_told_again(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    for _ in range(2):
        complete(ledger, clock, claim(ledger, clock), StepResult(Standing.VOID))

    assert told.types == ["order.cancelled"]


def test_an_order_that_was_invoiced_before_it_came_is_ignored(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    result = StepResult(Standing.DONE, None, Progress.FETCHED)
    complete(ledger, clock, claim(ledger, clock), result)

    assert told.facts()["outcome"] == "ignored"


def test_each_time_an_order_needs_a_person_is_told(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    parked = StepResult(Standing.PARKED, Step.FETCH, cause="vtex.undecided")
    complete(ledger, clock, claim(ledger, clock), parked)
    ledger.orders.park(
        claim(ledger, clock), entry(clock), cause="Ana said so", reason="", hint="", now=clock()
    )

    assert told.types == ["order.parked", "order.parked"]
    assert [event["data"]["cause"] for event in told.events] == ["vtex.undecided", "other"]


def test_an_order_that_reconciling_parks_is_told(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    complete(ledger, clock, claim(ledger, clock), StepResult(Standing.WAITING, Step.FETCH))
    found = DiscrepancyRecord(ORDER, "stuck", "for a day")

    ledger.reconciliation.park(STORE, found, status=None, cause="vtex.stuck", hint="", now=clock())

    assert told.facts()["cause"] == "vtex.stuck"


def test_an_order_that_a_person_gives_up_or_forgets_is_discarded(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    parked = StepResult(Standing.PARKED, Step.FETCH, cause="a")
    act = Act(clock(), "ana", "she knows")
    complete(ledger, clock, claim(ledger, clock), parked)
    ledger.decisions.discard_order(STORE, ORDER, act)
    complete(ledger, clock, claim(ledger, clock), parked)
    ledger.retention.forget_order(STORE, ORDER, act)

    causes = [e["data"]["cause"] for e in told.events if e["type"] == "order.discarded"]
    assert causes == ["order.discarded", "order.forgotten"]
    assert "she knows" not in json.dumps(told.events)


def test_rows_that_cannot_be_read_are_told(
    ledger: Ledger, clock: SettableClock, told: Told, office: Office
) -> None:
    office.ask("note", NOTE)
    claim(ledger, clock)
    with ledger.database.writing() as connection:
        for table in (orders, commands):
            connection.execute(sa.update(table).values(next_step="odd.step", due_at=clock()))

    ledger.due_work.park_unreadable(STORE, "odd.step", now=clock())

    assert sorted(told.types) == ["command.parked", "order.parked"]
    assert {event["data"]["cause"] for event in told.events} == {"row.unreadable"}


def test_an_order_of_unknown_progress_is_told(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())
    with ledger.database.writing() as connection:
        connection.execute(sa.update(orders).values(progress="odd"))

    ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="me", now=clock())

    assert told.types == ["order.parked"]


def test_a_command_that_is_done_is_told_with_its_receipt_and_key(
    office: Office, told: Told
) -> None:
    command_id = office.ask("note", NOTE, key="mine")

    office.finish(command_id, CommandResult(Standing.DONE, "done", progress="done", receipt="R-1"))

    assert told.types == ["command.done"]
    assert told.facts() == {
        "account": STORE,
        "order_id": ORDER,
        "command_id": command_id,
        "command": "note",
        "key": "mine",
        "outcome": "done",
        "receipt": "R-1",
    }


def test_a_command_that_vtex_refuses_or_that_is_given_up_is_told(
    office: Office, told: Told
) -> None:
    refused = CommandResult(Standing.PARKED, "refused", cause="vtex.OMS007", reason="no, Ana")
    office.finish(office.ask("note", NOTE, key="1"), refused)
    office.park(office.ask("note", NOTE, key="2"), cause="vtex.unavailable")

    assert told.types == ["command.refused", "command.parked"]
    assert "Ana" not in json.dumps(told.events)


def test_a_command_that_cannot_be_accepted_is_refused(office: Office, told: Told) -> None:
    office.ask("invoice", {"number": ""})

    assert told.types == ["command.refused"]
    assert told.facts()["cause"] == "command.invalid"


def test_a_command_that_only_has_its_order_read_is_done_at_once(office: Office, told: Told) -> None:
    office.ask("sync", {})

    assert told.types == ["command.done"]


def test_a_command_that_waits_is_not_told(office: Office, told: Told) -> None:
    office.defer(office.ask("note", NOTE), 60)

    assert told.types == []


def test_a_command_that_a_person_gives_up_is_discarded(office: Office, told: Told) -> None:
    command_id = office.ask("note", NOTE)
    office.park(command_id)

    office.ledger.decisions.discard(command_id, office.act)

    assert told.types == ["command.parked", "command.discarded"]


def test_a_parked_command_that_another_one_made_good_is_closed(office: Office, told: Told) -> None:
    parked, later = office.ask("note", NOTE, key="1"), office.ask("note", NOTE, key="2")
    office.park(parked)

    office.finish(later)

    assert told.types == ["command.parked", "command.done", "command.closed"]
    assert told.facts()["command_id"] == parked


def test_a_message_that_no_task_can_take_is_told_once(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    for _ in range(2):
        ledger.strays.record(
            "1", arrived_at=clock(), queue="celery", reason="unknown-task", name="a.b", body=b"{}"
        )

    assert told.types == ["message.parked"]
    assert told.facts() == {"message": "stray-1", "cause": "unknown-task"}


def test_a_pause_and_its_end_are_told_once(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    for cause in (None, "vtex.auth_failed", "vtex.auth_failed", None, None):
        clock.advance(1)
        ledger.endpoints.note_pause(STORE, cause, now=clock())

    assert told.types == ["account.paused", "account.resumed"]


@contextmanager
def broken_off(ledger: Ledger) -> Iterator[None]:
    """End every transaction with an error, as a crash before its commit does."""

    def crash(_: sa.Connection) -> None:
        raise RuntimeError

    sa.event.listen(ledger.database.engine, "commit", crash)
    try:
        with pytest.raises(RuntimeError):
            yield
    finally:
        sa.event.remove(ledger.database.engine, "commit", crash)


def test_what_is_not_committed_is_not_told(office: Office, told: Told) -> None:
    command_id = office.ask("note", NOTE)
    claimed = office.claim(command_id)
    done = CommandResult(Standing.DONE, "done", progress="done")

    with broken_off(office.ledger):
        office.ledger.commands.complete(claimed, done, office.entry, now=office.clock())

    assert (told.types, told.deliveries) == ([], 0)
    assert office.row(command_id)["standing"] == "active"


def test_where_nobody_wants_it_nothing_is_written(
    ledger: Ledger, clock: SettableClock, office: Office
) -> None:
    add_endpoint(ledger, clock, "order.parked")

    office.finish(office.ask("note", NOTE))

    assert Told(ledger).types == []


def test_without_endpoints_an_end_asks_the_database_nothing_more(
    ledger: Ledger, office: Office
) -> None:
    statements: list[str] = []
    office.finish(office.ask("note", NOTE, key="1"))
    command_id = office.ask("note", NOTE, key="2")
    engine = ledger.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    ledger.database.outbox = Outbox(counter=lambda: 0.0)
    ledger.database.outbox._known_until = 1.0

    office.finish(command_id)

    asked = {table.name for table in (outbox, deliveries, endpoints)}
    assert [text for text in statements if any(f" {name}" in text for name in asked)] == []


def test_another_process_knows_of_an_endpoint_within_seconds(
    open_ledger: Callable[[], Ledger], clock: SettableClock
) -> None:
    ledger, seconds = open_ledger(), [0.0]
    ledger.database.outbox = Outbox(counter=lambda: seconds[0])
    first, second = Office(ledger, clock), Told(ledger)
    first.park(first.ask("note", NOTE, key="1"))
    add_endpoint(open_ledger(), clock)

    first.park(first.ask("note", NOTE, key="2"))
    at_once = second.types
    seconds[0] += KNOWN_AFTER_SECONDS
    first.park(first.ask("note", NOTE, key="3"))

    assert (at_once, second.types) == ([], ["command.parked"])


def test_events_are_forgotten_in_time_with_what_was_sent_of_them(
    ledger: Ledger, clock: SettableClock, office: Office, told: Told
) -> None:
    office.park(office.ask("note", NOTE, key="1"))
    clock.advance(15 * 86_400)
    office.park(office.ask("note", NOTE, key="2"))

    forgotten = forget_events(ledger=ledger, clock=clock, keep=timedelta(days=14))

    assert forgotten == 1
    assert (len(told.events), told.deliveries) == (1, 1)


def test_an_endpoint_that_is_added_has_pauses_watched(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    del told
    due = ledger.accounts.claim(
        [Chore.WATCH_PAUSES], now=clock(), lease=timedelta(seconds=60), limit=1
    )

    assert len(due) == 1


def test_an_endpoint_that_is_removed_leaves_nothing_behind(
    ledger: Ledger, clock: SettableClock, office: Office, told: Told
) -> None:
    office.park(office.ask("note", NOTE))

    ledger.endpoints.remove("ep_1", Act(clock(), "me"))
    office.park(office.ask("note", NOTE, key="2"))

    assert (len(told.events), told.deliveries) == (1, 0)


def test_what_is_written_for_an_endpoint_that_was_removed_is_forgotten(
    open_ledger: Callable[[], Ledger], clock: SettableClock
) -> None:
    ledger = open_ledger()
    ledger.database.outbox = Outbox(counter=lambda: 0.0)
    office, told = Office(ledger, clock), Told(ledger)
    add_endpoint(ledger, clock)
    office.park(office.ask("note", NOTE, key="1"))
    open_ledger().endpoints.remove("ep_1", Act(clock(), "me"))
    office.park(office.ask("note", NOTE, key="2"))
    written = told.deliveries

    forget_events(ledger=ledger, clock=clock, keep=timedelta(days=14))

    assert (written, told.deliveries) == (1, 0)


def test_an_event_behind_one_that_waits_is_due_no_earlier(
    ledger: Ledger, clock: SettableClock, told: Told, office: Office
) -> None:
    office.park(office.ask("note", NOTE, key="1"))
    [seq] = ledger.deliveries.take("ep_1", at_once=4, limit=4, now=clock())
    delivery = ledger.deliveries.claim("ep_1", seq, owner="me", now=clock())
    assert delivery is not None
    later = clock() + timedelta(minutes=5)
    ledger.deliveries.end(
        delivery, Attempt(clock(), 0.1, "400"), DeliveryResult(due_at=later), now=clock()
    )

    office.park(office.ask("note", NOTE, key="2"))

    with ledger.database.reading() as connection:
        due = connection.execute(sa.select(deliveries.c.due_at)).scalars().all()
    assert (told.deliveries, set(due)) == (2, {later})


def test_what_becomes_of_a_page_at_once_is_told_in_its_order(office: Office, told: Told) -> None:
    keys = [f"{number}" for number in range(20)]
    lot = [Command("note", f"{int(key) % 3}-01", {}, key) for key in keys]

    accept_all(lot, account=STORE, source="erp", intake=office.intake)

    assert [event["data"]["key"] for event in told.events] == keys
    assert told.deliveries == len(keys)


def test_any_number_of_rows_that_cannot_be_read_is_told(
    ledger: Ledger, clock: SettableClock, told: Told
) -> None:
    order_ids = [f"{number}-01" for number in range(1201)]
    with ledger.database.writing() as connection:
        lock_orders(connection, STORE, order_ids, now=clock())
        unreadable = {"standing": "active", "next_step": "orders.invented", "due_at": clock()}
        connection.execute(sa.update(orders).values(unreadable))

    parked = ledger.due_work.park_unreadable(STORE, "orders.invented", now=clock())

    assert parked == told.deliveries == 1201
    assert {event["data"]["order_id"] for event in told.events} == set(order_ids)
