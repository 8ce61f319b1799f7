from __future__ import annotations

import pytest
from support.flow import STORE, Flow

from orders_sync.inbound.feed import is_any_left
from orders_sync.ledger.accounts import Chore

pytestmark = pytest.mark.parametrize("both_on", ["sqlite", "postgresql"], indirect=True)


def is_left(flow: Flow) -> bool:
    return is_any_left(
        STORE,
        ledger=flow.services.ledger,
        clock=flow.clock,
        visibility_seconds=flow.settings.feed.visibility_seconds,
    )


def test_a_poll_that_brought_events_has_them_acknowledged_soon(flow: Flow) -> None:
    flow.box.create_orders(1)
    flow.poll()

    early = flow.due(Chore.ACKNOWLEDGE)
    flow.clock.advance(flow.settings.acknowledge_seconds)

    assert not early
    assert flow.due(Chore.ACKNOWLEDGE)


def test_a_poll_that_brought_nothing_has_nothing_acknowledged(flow: Flow) -> None:
    flow.poll()

    flow.clock.advance(3600)

    assert not flow.due(Chore.ACKNOWLEDGE)


def test_acknowledging_goes_on_until_no_event_is_left(flow: Flow) -> None:
    flow.box.create_orders(2)
    flow.poll()
    flow.acknowledge()

    before = is_left(flow)
    flow.drain()
    flow.acknowledge()

    assert (before, is_left(flow)) == (True, False)


def test_events_that_vtex_sends_again_are_not_waited_for(flow: Flow) -> None:
    flow.box.create_orders(1)
    flow.poll()

    flow.clock.advance(flow.settings.feed.visibility_seconds)

    assert not is_left(flow)
