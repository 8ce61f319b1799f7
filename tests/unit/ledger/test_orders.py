from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, Dispatch, Given, Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine
from orders_sync.ledger.order_rows import KeptDocument
from orders_sync.ledger.tables import orders
from orders_sync.testing.clock import SettableClock

STORE, ORDER = "mystore", "1172452900788-01"
READ = Dispatch(STORE, ORDER, Step.FETCH)


@pytest.fixture(autouse=True)
def order(ledger: Ledger, clock: SettableClock) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())


def claim(ledger: Ledger, clock: SettableClock, step: Step = Step.FETCH, owner: str = "a") -> Claim:
    taken = ledger.orders.claim(STORE, ORDER, step, owner=owner, now=clock())
    assert taken is not None
    return taken


def entry(clock: SettableClock, what: str = "step.done") -> JournalLine:
    return JournalLine(clock(), STORE, ORDER, what)


def complete(
    ledger: Ledger, clock: SettableClock, claimed: Claim, result: StepResult
) -> list[Dispatch]:
    return ledger.orders.complete(claimed, result, entry(clock), now=clock())


HANDED_ON = StepResult(Standing.ACTIVE, Step.HAND_OVER, Progress.FETCHED, document=b"{}")


def test_an_order_is_claimed_by_one_at_a_time(ledger: Ledger, clock: SettableClock) -> None:
    claim(ledger, clock)

    assert ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="b", now=clock()) is None


def test_a_doubled_message_of_a_step_that_is_past_claims_nothing(
    ledger: Ledger, clock: SettableClock
) -> None:
    following = complete(ledger, clock, claim(ledger, clock), HANDED_ON)

    assert following == [Dispatch(STORE, ORDER, Step.HAND_OVER)]
    assert ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="b", now=clock()) is None


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_cannot_write(
    ledger: Ledger, clock: SettableClock
) -> None:
    stale = claim(ledger, clock)
    clock.advance(61)
    fresh = claim(ledger, clock, owner="b")

    with pytest.raises(LeaseLost, match="taken over"):
        complete(ledger, clock, stale, StepResult(Standing.VOID))
    complete(ledger, clock, fresh, HANDED_ON)

    row, _, journal = ledger.inquiries.story(STORE, ORDER)
    assert row is not None
    assert row["progress"] == Progress.FETCHED
    assert len(journal) == 1


def test_a_stale_holder_leaves_no_document_behind(ledger: Ledger, clock: SettableClock) -> None:
    stale = claim(ledger, clock)
    clock.advance(61)
    claim(ledger, clock, owner="b")

    with pytest.raises(LeaseLost):
        complete(ledger, clock, stale, HANDED_ON)

    assert ledger.orders.document(STORE, ORDER) is None


def test_the_document_is_kept_byte_for_byte(ledger: Ledger, clock: SettableClock) -> None:
    body = b'{"orderId" : "1",\n "value": 1.10, "\xc3\xa7": null}'
    result = StepResult(Standing.ACTIVE, Step.HAND_OVER, document=body)

    complete(ledger, clock, claim(ledger, clock), result)

    assert ledger.orders.document(STORE, ORDER) == KeptDocument(body, clock(), None)


def test_what_the_erp_has_is_kept_beside_what_was_read(
    ledger: Ledger, clock: SettableClock
) -> None:
    untold = Given(2, 1, document=b"first", value_cents=900, compare_in=60)
    read = StepResult(Standing.ACTIVE, Step.TELL_CHANGE, document=b"second", given=untold)

    claimed = ledger.orders.advance(claim(ledger, clock), read, entry(clock), now=clock())
    between = ledger.orders.document(STORE, ORDER)
    complete(ledger, clock, claimed, StepResult(Standing.DONE, given=Given(2, 2)))

    row, *_ = ledger.inquiries.story(STORE, ORDER)
    assert (claimed.revision, claimed.erp_revision, claimed.is_untold) == (2, 1, True)
    assert between == KeptDocument(b"second", clock(), b"first")
    assert ledger.orders.document(STORE, ORDER) == KeptDocument(b"second", clock(), None)
    assert row is not None
    assert (row["revision"], row["erp_revision"], row["value_cents"]) == (2, 2, 900)
    assert row["compare_at"] is None


def test_a_read_that_compares_nothing_leaves_what_the_erp_has(
    ledger: Ledger, clock: SettableClock
) -> None:
    untold = Given(2, 1, document=b"first")
    complete(
        ledger,
        clock,
        claim(ledger, clock),
        StepResult(Standing.ACTIVE, Step.FETCH, document=b"second", given=untold),
    )

    complete(ledger, clock, claim(ledger, clock), StepResult(Standing.DONE, document=b"third"))

    assert ledger.orders.document(STORE, ORDER) == KeptDocument(b"third", clock(), b"first")


def test_orders_are_looked_at_for_changes_when_that_is_due_and_they_are_at_rest(
    ledger: Ledger, clock: SettableClock
) -> None:
    reconciliation = ledger.reconciliation
    complete(
        ledger,
        clock,
        claim(ledger, clock),
        StepResult(Standing.DONE, document=b"{}", given=Given(1, 1, compare_in=60)),
    )

    early = reconciliation.compare_due(STORE, limit=5, now=clock())
    clock.advance(61)
    bounded = reconciliation.compare_due(STORE, limit=0, now=clock())
    due = reconciliation.compare_due(STORE, limit=5, now=clock())
    again = reconciliation.compare_due(STORE, limit=5, now=clock())

    assert (early, bounded, again) == ([], [], [])
    assert due == [Dispatch(STORE, ORDER, Step.FETCH)]


def test_news_that_come_during_a_step_lead_to_a_read_after_it(
    ledger: Ledger, clock: SettableClock
) -> None:
    claimed = claim(ledger, clock)
    dispatched = ledger.orders.look_again(STORE, ORDER, now=clock())

    following = complete(ledger, clock, claimed, StepResult(Standing.DONE))

    assert dispatched == []
    assert following == [Dispatch(STORE, ORDER, Step.FETCH)]


def test_a_read_that_starts_after_the_news_has_seen_them(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())

    following = complete(ledger, clock, claim(ledger, clock), StepResult(Standing.DONE))

    assert following == []


def due(ledger: Ledger, clock: SettableClock) -> list[Dispatch]:
    return ledger.due_work.take(STORE, Step.FETCH, limit=10, now=clock())


def test_a_parked_order_is_not_due_and_news_revive_it(ledger: Ledger, clock: SettableClock) -> None:
    ledger.orders.park(
        claim(ledger, clock),
        entry(clock, "order.parked"),
        cause="erp.refused",
        reason="credit limit",
        hint="raise it",
        now=clock(),
    )
    clock.advance(86_400)

    assert due(ledger, clock) == []
    assert ledger.orders.look_again(STORE, ORDER, now=clock()) == [READ]


def defer(
    ledger: Ledger, clock: SettableClock, claimed: Claim, seconds: float, *, counts: bool = True
) -> list[Dispatch]:
    return ledger.orders.defer(
        claimed,
        entry(clock, "step.failed"),
        due_at=clock() + timedelta(seconds=seconds),
        cause="vtex.unavailable",
        reason="VTEX answered 503",
        counts=counts,
        now=clock(),
    )


def test_a_deferred_step_counts_its_failures_and_comes_back_when_due(
    ledger: Ledger, clock: SettableClock
) -> None:
    for counts in (True, True, False):
        defer(ledger, clock, claim(ledger, clock), 90, counts=counts)
        early = due(ledger, clock)
        clock.advance(90)

    assert early == []
    assert due(ledger, clock) == [READ]
    assert claim(ledger, clock).attempts == 2


def test_a_step_that_waits_for_a_moment_is_not_dispatched_before_it_has_passed(
    ledger: Ledger, clock: SettableClock
) -> None:
    at_once = defer(ledger, clock, claim(ledger, clock), 0.5, counts=False)
    early = due(ledger, clock)
    clock.advance(0.5)

    assert (at_once, early, due(ledger, clock)) == ([], [], [READ])


def test_news_that_come_during_a_failing_step_leave_nothing_of_its_failures(
    ledger: Ledger, clock: SettableClock
) -> None:
    claimed = claim(ledger, clock)
    ledger.orders.look_again(STORE, ORDER, now=clock())

    following = defer(ledger, clock, claimed, 90)

    row, _, _ = ledger.inquiries.story(STORE, ORDER)
    assert row is not None
    assert following == [READ]
    assert (row["standing"], row["attempts"], row["failing_since"]) == ("active", 0, None)
    assert (row["cause"], row["reason"]) == (None, None)


def test_success_forgets_the_failures_of_the_step_before(
    ledger: Ledger, clock: SettableClock
) -> None:
    defer(ledger, clock, claim(ledger, clock), 0)
    complete(ledger, clock, claim(ledger, clock), HANDED_ON)

    following = claim(ledger, clock, Step.HAND_OVER)

    assert (following.attempts, following.failing_since) == (0, None)


def test_a_lost_message_costs_five_seconds_and_a_lost_worker_its_lease(
    ledger: Ledger, clock: SettableClock
) -> None:
    def due_after(seconds: float) -> tuple[list[Dispatch], list[Dispatch]]:
        clock.advance(seconds - 0.1)
        before = due(ledger, clock)
        clock.advance(0.1)
        return before, due(ledger, clock)

    message = due_after(5)
    claim(ledger, clock)
    worker = due_after(60)

    assert message == ([], [READ])
    assert worker == ([], [READ])
    assert due(ledger, clock) == []


def test_a_worker_that_goes_on_keeps_the_order_and_sees_the_news_next(
    ledger: Ledger, clock: SettableClock
) -> None:
    claimed = claim(ledger, clock)
    ledger.orders.look_again(STORE, ORDER, now=clock())
    clock.advance(50)

    onward = ledger.orders.advance(claimed, HANDED_ON, entry(clock), now=clock())
    clock.advance(50)

    assert (onward.step, onward.version) == (Step.FETCH, claimed.version)
    assert ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="b", now=clock()) is None
    assert complete(ledger, clock, onward, StepResult(Standing.DONE)) == []


def test_a_row_whose_progress_nobody_knows_is_parked_by_its_claim(
    ledger: Ledger, clock: SettableClock
) -> None:
    with ledger.database.writing() as connection:
        connection.execute(sa.update(orders).values(progress="teleported"))
    clock.advance(600)

    taken = ledger.orders.claim(STORE, ORDER, Step.FETCH, owner="a", now=clock())

    row, _, _ = ledger.inquiries.story(STORE, ORDER)
    assert row is not None
    assert taken is None
    assert (row["standing"], row["cause"], row["due_at"]) == ("parked", "row.unreadable", None)
    assert (row["updated_at"], row["lease_until"]) == (clock(), None)
