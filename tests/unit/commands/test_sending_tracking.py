"""Which tracking is sent after a lost answer, beside other tracking, and after its correction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.fulfilments import NOTHING_KNOWN, ORDER, known, package, seconds_ago

from orders_sync.commands.track import TrackBody, judge_tracking
from orders_sync.commands.verdicts import AlreadyInVtex, Intent, Send, SentTracking, Wait
from orders_sync.domain.fulfilment import Fulfilment

POSTED = {"city": "C", "state": "S", "description": "posted", "date": "2026-11-27"}


def body(number: str | None = "OLD", **fields: Any) -> TrackBody:
    facts = {"invoice_number": "1", "tracking_number": number, **fields}
    return TrackBody.model_validate(facts)


def shown(number: str | None) -> Fulfilment:
    return replace(ORDER, packages=(package("1", 9, tracking_number=number),))


def sent(tracking: TrackBody, *, age: float = 5, is_later: bool = False) -> SentTracking:
    return SentTracking(tracking, seconds_ago(age), is_later)


def intent(age: float, tracking: TrackBody, over: str | None = None) -> Intent:
    """Return what the judge would have noted so many seconds ago."""
    verdict = judge_tracking(tracking, shown(over), NOTHING_KNOWN)
    assert isinstance(verdict, Send)
    return replace(verdict.intent, at=seconds_ago(age))


def outcome(verdict: object) -> object:
    return verdict.seconds if isinstance(verdict, Wait) and verdict.is_exact else type(verdict)


@pytest.mark.parametrize(
    ("number", "facts", "expected"),
    [
        pytest.param(None, {"own_intent": intent(4, body())}, 26, id="it may come yet"),
        pytest.param(None, {"own_intent": intent(30, body())}, Send, id="it did not come"),
        pytest.param("OLD", {"own_intent": intent(4, body())}, AlreadyInVtex, id="VTEX shows it"),
        pytest.param(
            "T0", {"own_intent": intent(4, body(), "T0")}, 26, id="it may take another's place yet"
        ),
        pytest.param(
            "T0", {"own_intent": intent(30, body(), "T0")}, Send, id="what it replaces still stands"
        ),
        pytest.param(
            "NEW",
            {"own_intent": intent(30, body(), "T0")},
            AlreadyInVtex,
            id="a person wrote another since",
        ),
        pytest.param(
            "OLD",
            {"sent_tracking": {"1": [sent(body("NEW"), is_later=True)]}},
            AlreadyInVtex,
            id="its correction is sent and does not show yet",
        ),
        pytest.param(
            "NEW",
            {"sent_tracking": {"1": [sent(body("NEW"), is_later=True)]}},
            AlreadyInVtex,
            id="its correction shows",
        ),
        pytest.param(
            None,
            {
                "own_intent": intent(30, body()),
                "sent_tracking": {"1": [sent(body("NEW"), is_later=True)]},
            },
            AlreadyInVtex,
            id="its answer was lost, then its correction was sent",
        ),
        pytest.param(
            "T0",
            {"sent_tracking": {"1": [sent(body("T0"))]}},
            Send,
            id="it is itself the correction",
        ),
        pytest.param(
            "T0",
            {"own_intent": intent(30, body()), "sent_tracking": {"1": [sent(body("T0"))]}},
            Send,
            id="an older number was written over it",
        ),
        pytest.param(
            None, {"sent_tracking": {"1": [sent(body())]}}, AlreadyInVtex, id="VTEX took it just so"
        ),
        pytest.param(
            "T0",
            {"sent_tracking": {"1": [sent(body(), age=30)]}},
            Send,
            id="VTEX took it once and shows another since",
        ),
        pytest.param(
            "OLD",
            {"own_intent": intent(4, body()), "sent_tracking": {"1": [sent(body("T0"))]}},
            AlreadyInVtex,
            id="it shows in the place of one before",
        ),
        pytest.param(None, {"intents": [intent(4, body("NEW"))]}, 26, id="another's may come yet"),
        pytest.param(None, {"intents": [intent(30, body("NEW"))]}, Send, id="and did not"),
        pytest.param("NEW", {"intents": [intent(4, body("NEW"))]}, Send, id="another's shows"),
        pytest.param(
            None,
            {"intents": [replace(intent(4, body("NEW")), number="2")]},
            Send,
            id="another invoice's does not matter",
        ),
    ],
)
def test_a_tracking_number_after_what_may_have_been_sent(
    number: str | None, facts: dict[str, Any], expected: object
) -> None:
    assert outcome(judge_tracking(body(), shown(number), known(**facts))) == expected


def test_events_of_a_corrected_tracking_are_sent_without_its_number() -> None:
    facts = known(sent_tracking={"1": [sent(body("NEW"), is_later=True)]})

    verdict = judge_tracking(body(events=[POSTED]), shown("NEW"), facts)

    assert isinstance(verdict, Send)
    assert verdict.what.parcel is None
    assert verdict.what.progress is not None
    assert [event.description for event in verdict.what.progress.events] == ["posted"]


def test_later_events_without_a_number_correct_none() -> None:
    facts = known(sent_tracking={"1": [sent(body(None, events=[POSTED]), is_later=True)]})

    verdict = judge_tracking(body("T"), shown(None), facts)

    assert isinstance(verdict, Send)
    assert verdict.what.parcel is not None


def test_what_arrived_of_a_tracking_in_two_calls_is_not_sent_again() -> None:
    facts = known(own_intent=intent(30, body(events=[POSTED])))

    verdict = judge_tracking(body(events=[POSTED]), shown("OLD"), facts)

    assert isinstance(verdict, Send)
    assert verdict.what.parcel is None
    assert verdict.what.progress is not None
