"""An event that no database can keep blocks neither its lot nor itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.office import STORE
from unit.ledger.test_racing import event

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.ledger import Ledger
from orders_sync.testing.clock import SettableClock

SOUND = event(1, "sound")
POISON = event(2, "poison")
LONG = "".join(chr(0x4E00 + number) for number in range(9000))


@pytest.mark.parametrize(
    ("poison", "problem", "handles"),
    [
        pytest.param(
            replace(POISON, order_id="a\0b"),
            "order_id holds a character that cannot be stored",
            ["poison", "sound"],
            id="a null character",
        ),
        pytest.param(
            replace(POISON, state="\ud800"),
            "state holds a character that cannot be stored",
            ["poison", "sound"],
            id="half a character",
        ),
        pytest.param(
            replace(POISON, order_id=LONG),
            "order_id has more than 255 characters",
            ["poison", "sound"],
            id="an id too long for an index",
        ),
        pytest.param(
            replace(POISON, handle="\0"),
            "handle holds a character that cannot be stored",
            ["sound"],
            id="the handle itself",
        ),
        pytest.param(
            UnreadableEvent("poison", "\ud800"),
            "problem holds a character that cannot be stored",
            ["poison", "sound"],
            id="in an unreadable one",
        ),
    ],
)
def test_what_cannot_be_stored_is_kept_as_unreadable(
    poison: OrderEvent | UnreadableEvent,
    problem: str,
    handles: list[str],
    ledger: Ledger,
    clock: SettableClock,
) -> None:
    recorded = ledger.events.record(STORE, [poison, SOUND], now=clock())

    ripe = ledger.events.to_acknowledge(
        STORE, delivered_after=clock() - timedelta(days=1), limit=10, at_once=True
    )
    assert [each.order_id for each in recorded.dispatches] == [SOUND.order_id]
    assert [row["problem"] for row in ledger.inquiries.parked_events()] == [problem]
    assert sorted(ripe) == handles


@pytest.mark.parametrize("field", ["domain", "state", "current_change", "event_id", "handle"])
def test_a_text_of_any_length_is_kept(field: str, ledger: Ledger, clock: SettableClock) -> None:
    ledger.events.record(STORE, [replace(SOUND, **{field: LONG})], now=clock())

    [row] = ledger.inquiries.story(STORE, SOUND.order_id)[1]
    assert row[field] == LONG
