"""What no database can keep blocks neither its lot nor its order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.office import STORE
from unit.ledger.test_racing import event

from orders_sync.domain.events import OrderEvent, UnreadableEvent
from orders_sync.domain.rules import Standing
from orders_sync.domain.steps import Step, StepResult
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import JournalLine
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


def test_a_step_is_recorded_whatever_others_answered(ledger: Ledger, clock: SettableClock) -> None:
    ledger.events.record(STORE, [SOUND], now=clock())
    order_id = SOUND.order_id
    claim = ledger.orders.claim(STORE, order_id, Step.FETCH, owner="me", now=clock())
    assert claim is not None
    result = StepResult(
        Standing.WAITING,
        Step.FETCH,
        status="ready\0",
        erp_reference="\ud800",
        cause="c" * 200,
        note="caf\u00e9 \0",
        document=b'{"status": "ready\\u0000"}',
    )
    entry = JournalLine(clock(), STORE, order_id, "step.done", task_id=LONG, note="\udfff")

    ledger.orders.complete(claim, result, entry, now=clock())

    row, _, journal = ledger.inquiries.story(STORE, order_id)
    assert row is not None
    assert (row["status"], row["erp_reference"]) == ("ready?", "?")
    assert (row["cause"], row["reason"]) == ("c" * 100, "caf\u00e9 ?")
    assert (journal[-1]["task_id"], journal[-1]["note"]) == (LONG[:300], "?")
    kept = ledger.orders.document(STORE, order_id)
    assert kept is not None
    assert kept.body == result.document
