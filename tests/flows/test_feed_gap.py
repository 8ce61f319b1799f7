from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.flow import STORE, Flow
from support.reconciling import A_WHILE, HOURS, later

from orders_sync.errors import AuthFailed
from orders_sync.ledger.tables import accounts
from orders_sync.upkeep.watch_feed import GAP, FeedConfigurations, FeedState, ensure_feed, note_gap
from orders_sync.vtex.feed import FeedConfiguration

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def gap(flow: Flow) -> str | None:
    return flow.services.ledger.cursors.read(STORE, GAP)


def watched(flow: Flow, vtex: FeedConfigurations | None = None) -> FeedState:
    """Watch the feed as the task does."""
    state, _ = ensure_feed(
        STORE,
        vtex=vtex or flow.services.vtex(STORE),
        settings=flow.settings.feed,
        before_creating=lambda: note_gap(STORE, ledger=flow.services.ledger, now=flow.clock()),
    )
    return state


def test_what_happened_in_a_gap_is_found(flow: Flow) -> None:
    [before] = flow.in_handling()
    later(flow)
    flow.box.delete_feeds()
    flow.clock.advance(100 * HOURS)
    [unheard] = flow.box.create_orders(1)
    flow.box.cancel(before)
    flow.clock.advance(HOURS)

    state = watched(flow)
    done = later(flow)

    assert state is FeedState.CREATED
    assert done.found == {"ready.unknown": 1, "cancelled.in_vtex": 1}
    assert flow.in_erp() == {before: "cancelled", unheard: "new"}
    assert gap(flow) is None


def test_an_order_that_a_person_took_over_in_a_gap_reaches_the_erp(flow: Flow) -> None:
    flow.box.delete_feeds()
    flow.box.create_orders(1, handling=True)  # Before we heard of any order it is not ours.
    flow.clock.advance(HOURS)
    watched(flow)
    [known] = flow.in_handling()
    flow.box.delete_feeds()
    [unheard] = flow.box.create_orders(1, handling=True)
    flow.clock.advance(HOURS)

    watched(flow)
    done = later(flow)

    assert done.found == {"handling.unknown": 1}
    assert flow.in_erp() == {known: "new", unheard: "new"}


def test_a_gap_begins_with_the_last_poll_that_succeeded(flow: Flow) -> None:
    flow.in_handling()
    flow.clock.advance(50 * HOURS)
    flow.poll()
    last_poll_at = flow.clock()
    flow.box.dials.turn({"forbidden": ["feed_read"]})
    flow.clock.advance(HOURS)
    with pytest.raises(AuthFailed):
        flow.poll()
    flow.box.delete_feeds()

    watched(flow)

    assert gap(flow) == last_poll_at.isoformat()


def test_without_a_poll_that_succeeded_a_gap_begins_with_the_last_event(flow: Flow) -> None:
    flow.in_handling()
    last_event_at = flow.clock()
    with flow.services.ledger.database.writing() as connection:
        connection.execute(sa.update(accounts).values(succeeded_at=None))
    flow.box.delete_feeds()
    flow.clock.advance(100 * HOURS)

    watched(flow)

    assert gap(flow) == last_event_at.isoformat()


def test_a_feed_that_is_there_has_no_gap(flow: Flow) -> None:
    flow.in_handling()

    assert watched(flow) is FeedState.AS_WANTED
    assert gap(flow) is None


def test_the_gap_is_noted_before_the_feed_is_there_again(flow: Flow) -> None:
    vtex = flow.services.vtex(STORE)
    flow.box.delete_feeds()

    class Dies:
        get_feed_configuration = vtex.get_feed_configuration

        def set_feed_configuration(self, configuration: FeedConfiguration) -> None:
            raise RuntimeError(configuration)

    with pytest.raises(RuntimeError):
        watched(flow, Dies())

    assert gap(flow) == ""


def test_a_gap_that_is_not_reconciled_yet_grows(flow: Flow) -> None:
    flow.in_handling()
    flow.box.delete_feeds()
    flow.clock.advance(A_WHILE)
    watched(flow)
    first = gap(flow)
    flow.in_handling()
    flow.box.delete_feeds()
    flow.clock.advance(A_WHILE)

    watched(flow)

    assert gap(flow) == first


def test_a_walk_on_its_way_begins_again_at_the_gap(flow: Flow) -> None:
    for _ in range(60):
        flow.box.create_orders(5)
        flow.clock.advance(A_WHILE)
    later(flow, pages=1)
    flow.box.delete_feeds()

    watched(flow)
    for _ in range(10):
        later(flow)

    assert flow.box.orders_by_status() == {"handling": 300}
