from __future__ import annotations

from collections.abc import Callable

import pytest
from support.flow import STORE, Flow

from orders_sync.ledger.accounts import Chore
from orders_sync.settings_parts import FeedSettings
from orders_sync.upkeep.watch_feed import FeedState, ensure_feed, wanted_configuration


def test_a_feed_that_is_not_configured_is(flow: Flow) -> None:
    vtex = flow.services.vtex(STORE)
    flow.box.delete_feeds()

    state, differences = ensure_feed(STORE, vtex=vtex, settings=flow.settings.feed)

    found = vtex.get_feed_configuration()
    assert (state, list(differences)) == (FeedState.CREATED, [])
    assert found is not None
    assert not found.difference(wanted_configuration(flow.settings.feed))


def test_a_feed_that_differs_is_reported_and_left_alone(flow: Flow) -> None:
    vtex = flow.services.vtex(STORE)
    before = vtex.get_feed_configuration()
    wanted = FeedSettings(statuses=("ready-for-handling", "handling"), visibility_seconds=60)

    state, differences = ensure_feed(STORE, vtex=vtex, settings=wanted)

    text = " ".join(differences)
    assert state is FeedState.DIFFERENT
    assert "handling" in text
    assert "60" in text
    assert "120" in text
    assert vtex.get_feed_configuration() == before


def test_the_order_of_statuses_is_no_difference(flow: Flow) -> None:
    statuses = tuple(reversed(flow.settings.feed.statuses))

    state, _ = ensure_feed(
        STORE, vtex=flow.services.vtex(STORE), settings=FeedSettings(statuses=statuses)
    )

    assert state is FeedState.AS_WANTED


def test_a_poll_that_finds_no_configuration_asks_for_one(make_flow: Callable[..., Flow]) -> None:
    flow = make_flow()
    flow.box.delete_feeds()
    asked: list[str] = []

    new = flow.poll(restore_feed=lambda: asked.append(STORE))

    assert (new, asked) == (0, [STORE])


@pytest.mark.parametrize(
    ("is_configured", "in_flight", "is_success"),
    [
        pytest.param(True, 10, True, id="it read an empty feed"),
        pytest.param(True, 0, False, id="it was held back"),
        pytest.param(False, 10, False, id="there is no feed"),
    ],
)
def test_a_poll_succeeds_where_it_reads_the_feed(
    flow: Flow, is_configured: bool, in_flight: int, is_success: bool
) -> None:
    if not is_configured:
        flow.box.delete_feeds()

    flow.poll(in_flight=in_flight)

    turn = flow.services.ledger.accounts.last_runs(Chore.POLL)[STORE]
    assert turn.succeeded_at == (flow.clock() if is_success else None)
