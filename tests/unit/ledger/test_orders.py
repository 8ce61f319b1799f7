from __future__ import annotations

from datetime import timedelta

import pytest

from orders_sync.domain.rules import Progress, Standing
from orders_sync.domain.steps import Claim, Dispatch, Step, StepResult
from orders_sync.errors import LeaseLost
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Entry
from orders_sync.testing.clock import SettableClock

STORE, ORDER = "mystore", "1172452900788-01"
NOTHING = timedelta(0)


@pytest.fixture(autouse=True)
def order(ledger: Ledger, clock: SettableClock) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())


def claim(ledger: Ledger, clock: SettableClock, step: Step = Step.FETCH, owner: str = "a") -> Claim:
    taken = ledger.orders.claim(STORE, ORDER, step, owner=owner, now=clock())
    assert taken is not None
    return taken


def entry(clock: SettableClock, what: str = "step.done") -> Entry:
    return Entry(clock(), STORE, ORDER, what)


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

    assert ledger.orders.document(STORE, ORDER) == (body, clock())


def test_news_that_come_during_a_step_lead_to_a_read_after_it(
    ledger: Ledger, clock: SettableClock
) -> None:
    claimed = claim(ledger, clock)
    dispatched = ledger.orders.look_again(STORE, ORDER, now=clock())

    following = complete(ledger, clock, claimed, StepResult(Standing.DONE))

    assert dispatched is None
    assert following == [Dispatch(STORE, ORDER, Step.FETCH)]


def test_a_read_that_starts_after_the_news_has_seen_them(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.look_again(STORE, ORDER, now=clock())

    following = complete(ledger, clock, claim(ledger, clock), StepResult(Standing.DONE))

    assert following == []


def test_a_parked_order_is_not_swept_and_news_revive_it(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.park(
        claim(ledger, clock),
        entry(clock, "order.parked"),
        cause="erp.refused",
        reason="credit limit",
        hint="raise it",
        now=clock(),
    )
    clock.advance(86_400)

    assert not ledger.orders.take_due(now=clock(), grace=NOTHING, limit=10)
    assert ledger.orders.look_again(STORE, ORDER, now=clock()) == Dispatch(STORE, ORDER, Step.FETCH)


def test_a_deferred_step_counts_its_failures_and_comes_back_when_due(
    ledger: Ledger, clock: SettableClock
) -> None:
    for counts in (True, True, False):
        ledger.orders.defer(
            claim(ledger, clock),
            entry(clock, "step.failed"),
            due_at=clock() + timedelta(seconds=90),
            cause="vtex.unavailable",
            reason="VTEX answered 503",
            counts=counts,
            now=clock(),
        )
    early = ledger.orders.take_due(now=clock(), grace=NOTHING, limit=10)
    clock.advance(90)

    due = ledger.orders.take_due(now=clock(), grace=NOTHING, limit=10)

    assert not early
    assert due == [Dispatch(STORE, ORDER, Step.FETCH)]
    assert claim(ledger, clock).attempts == 2


def test_success_forgets_the_failures_of_the_step_before(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.orders.defer(
        claim(ledger, clock),
        entry(clock, "step.failed"),
        due_at=clock(),
        cause="vtex.unavailable",
        reason="VTEX answered 503",
        counts=True,
        now=clock(),
    )
    complete(ledger, clock, claim(ledger, clock), HANDED_ON)

    following = claim(ledger, clock, Step.HAND_OVER)

    assert (following.attempts, following.failing_since) == (0, None)


def test_work_whose_worker_or_message_is_gone_is_swept_once_a_lease(
    ledger: Ledger, clock: SettableClock
) -> None:
    claim(ledger, clock)
    clock.advance(60)

    first = ledger.orders.take_due(now=clock(), grace=NOTHING, limit=10)
    second = ledger.orders.take_due(now=clock(), grace=NOTHING, limit=10)

    assert (first, second) == ([Dispatch(STORE, ORDER, Step.FETCH)], [])
