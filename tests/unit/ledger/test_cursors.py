from __future__ import annotations

import pytest

from orders_sync.errors import Unavailable, WaitError
from orders_sync.ledger import Ledger
from orders_sync.testing.clock import SettableClock


def test_a_lease_is_held_by_one_and_free_after_its_block(
    ledger: Ledger, clock: SettableClock
) -> None:
    with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60) as mine:
        with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as theirs:
            pass
        with ledger.leases.held("b", "feed.poll", owner="2", clock=clock, seconds=60) as other:
            pass
    with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as next_one:
        pass

    assert mine is not None
    assert theirs is None
    assert other is not None
    assert next_one is not None


def test_the_lease_of_a_holder_that_died_runs_out(ledger: Ledger, clock: SettableClock) -> None:
    with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60):
        clock.advance(60)

        with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as taken:
            pass

    assert taken is not None


def test_a_holder_that_was_overtaken_does_not_give_back_the_others_lease(
    ledger: Ledger, clock: SettableClock
) -> None:
    with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60):
        clock.advance(60)
        second = ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60)
        second.__enter__()

    with ledger.leases.held("a", "feed.poll", owner="3", clock=clock, seconds=60) as third:
        pass

    assert third is None
    second.__exit__(None, None, None)


def test_a_lease_that_is_renewed_lasts_for_as_long_again(
    ledger: Ledger, clock: SettableClock
) -> None:
    with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60) as mine:
        assert mine is not None
        clock.advance(59)
        is_renewed = mine.renew()
        clock.advance(59)
        with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as theirs:
            pass

    assert is_renewed
    assert theirs is None


def test_a_lease_that_another_has_by_now_is_not_renewed(
    ledger: Ledger, clock: SettableClock
) -> None:
    with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60) as mine:
        assert mine is not None
        clock.advance(60)
        with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as theirs:
            is_renewed = mine.renew()
            with ledger.leases.held("a", "feed.poll", owner="3", clock=clock, seconds=60) as third:
                pass

    assert not is_renewed
    assert theirs is not None
    assert third is None


def test_what_a_holder_leaves_is_kept_until_another_one_succeeds(
    ledger: Ledger, clock: SettableClock
) -> None:
    def hold(value: str | None, error: Exception | None = None) -> None:
        clock.advance(60)
        with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60) as lease:
            assert lease is not None
            lease.value = value
            if error is not None:
                raise error

    hold("first")
    with pytest.raises(Unavailable):
        hold("second", Unavailable("no connection"))
    hold(None)

    assert ledger.cursors.read("a", "feed.poll") == "first"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(WaitError("the key is refused", 30), 30, id="a wait"),
        pytest.param(Unavailable("503", retry_after=7), 7, id="what the peer asks for"),
        pytest.param(Unavailable("no connection"), 2, id="a moment"),
    ],
)
def test_after_an_error_that_asks_for_time_nobody_gets_the_lease_before_it_has_passed(
    ledger: Ledger, clock: SettableClock, error: Exception, seconds: float
) -> None:
    with (
        pytest.raises(type(error)),
        ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60),
    ):
        raise error

    clock.advance(seconds - 1)
    with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as early:
        pass
    clock.advance(1)
    with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as later:
        pass

    assert early is None
    assert later is not None
