from __future__ import annotations

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


def test_a_lease_can_rest_after_its_block(ledger: Ledger, clock: SettableClock) -> None:
    with ledger.leases.held("a", "feed.poll", owner="1", clock=clock, seconds=60) as lease:
        assert lease is not None
        lease.rest(30)

    with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as early:
        pass
    clock.advance(30)
    with ledger.leases.held("a", "feed.poll", owner="2", clock=clock, seconds=60) as later:
        pass

    assert early is None
    assert later is not None
