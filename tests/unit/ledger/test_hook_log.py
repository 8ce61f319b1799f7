"""What is known of a hook beside its feed."""

from __future__ import annotations

from datetime import timedelta

from orders_sync.ledger import Ledger
from orders_sync.ledger.accounts import Chore, TurnResult
from orders_sync.ledger.events import HookActivity
from orders_sync.testing.clock import SettableClock

STORE = "mystore"


def heard(ledger: Ledger) -> HookActivity:
    return ledger.hook_log.read([STORE])[STORE]


def feed_brings_news(ledger: Ledger, clock: SettableClock) -> None:
    now = clock()
    turn = ledger.accounts.claim_one(STORE, Chore.POLL, now=now, lease=timedelta(seconds=15))
    assert turn is not None
    ledger.accounts.end([TurnResult(turn, now, now, 0.1, worked_at=now, succeeded_at=now)])


def test_an_account_without_a_hook_is_not_known(ledger: Ledger, clock: SettableClock) -> None:
    ledger.hook_log.note_feed(STORE, clock())
    feed_brings_news(ledger, clock)

    assert ledger.hook_log.read() == {}


def test_a_hook_is_heard_for_a_minute(ledger: Ledger, clock: SettableClock) -> None:
    ledger.hook_log.note_hook(STORE, clock())
    now = clock()

    assert heard(ledger).is_heard(now + timedelta(seconds=59))
    assert not heard(ledger).is_heard(now + timedelta(seconds=60))


def test_a_feed_is_silent_since_the_first_thing_that_only_the_hook_told(
    ledger: Ledger, clock: SettableClock
) -> None:
    ledger.hook_log.note_hook(STORE, clock())
    clock.advance(10)
    ledger.hook_log.note_feed(STORE, clock())
    both_tell = heard(ledger).feed_silent_since
    clock.advance(10)
    first = clock()
    ledger.hook_log.note_hook(STORE, first)
    clock.advance(1000)
    ledger.hook_log.note_hook(STORE, clock())

    assert both_tell is None
    assert heard(ledger).feed_silent_since == first
    ledger.hook_log.note_feed(STORE, clock())
    assert heard(ledger).feed_silent_since is None


def test_a_hook_is_silent_where_the_feed_told_news_since_it_was_heard(
    ledger: Ledger, clock: SettableClock
) -> None:
    last = clock()
    ledger.hook_log.note_hook(STORE, last)
    quiet = heard(ledger).hook_silent_since
    clock.advance(1000)
    feed_brings_news(ledger, clock)

    assert quiet is None
    assert heard(ledger).hook_silent_since == last
    clock.advance(1)
    ledger.hook_log.note_hook(STORE, clock())
    assert heard(ledger).hook_silent_since is None


def test_a_hook_that_is_forgotten_is_not_missed(ledger: Ledger, clock: SettableClock) -> None:
    ledger.hook_log.note_hook(STORE, clock())
    ledger.hook_log.note_hook("other", clock())

    ledger.hook_log.forget(STORE)

    assert ledger.hook_log.read().keys() == {"other"}


def test_the_row_of_a_hook_is_no_chore(ledger: Ledger, clock: SettableClock) -> None:
    ledger.hook_log.note_hook(STORE, clock())

    assert not ledger.accounts.claim(
        list(Chore), now=clock() + timedelta(days=1), lease=timedelta(seconds=15), limit=10
    )
