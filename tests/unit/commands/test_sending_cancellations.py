"""When a cancellation or its denial may be sent beside writes whose outcome is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.fulfilments import (
    NOTHING_KNOWN,
    NOW,
    ORDER,
    intent,
    known,
    outcome,
    sale,
    seconds_ago,
)

from orders_sync.commands.cancel import CancelBody, judge_cancel
from orders_sync.commands.deny import DenyBody, judge_deny
from orders_sync.commands.verdicts import AlreadyInVtex, Intent, NotAllowed, Send, SentInvoice
from orders_sync.domain.fulfilment import CancellationRequest

CANCEL = CancelBody(reason="fraud")
DENY = DenyBody(reason="packed")


@pytest.mark.parametrize(
    ("status", "facts", "expected"),
    [
        pytest.param("handling", {"intents": [sale(4)]}, 26, id="an invoice may be in VTEX"),
        pytest.param("handling", {"intents": [sale(30)]}, Send, id="it never came"),
        pytest.param(
            "handling",
            {"sent_invoices": {"1": SentInvoice(1, NOW)}},
            NotAllowed,
            id="VTEX took an invoice",
        ),
        pytest.param("handling", {"intents": [intent("change", 4)]}, 26, id="an open change"),
        pytest.param(
            "handling",
            {"own_intent": intent("cancel", 4, content="request")},
            26,
            id="its own request was lost",
        ),
        pytest.param(
            "handling",
            {"own_intent": intent("cancel", 30, content="request")},
            Send,
            id="and never came",
        ),
        pytest.param(
            "cancellation-requested",
            {"own_intent": intent("cancel", 4, content="request")},
            Send,
            id="its request shows and is confirmed",
        ),
        pytest.param(
            "cancellation-requested",
            {"own_intent": intent("cancel", 4, content="confirmation")},
            26,
            id="its confirmation was lost",
        ),
        pytest.param(
            "canceled",
            {"own_intent": intent("cancel", 4, content="confirmation")},
            AlreadyInVtex,
            id="its confirmation shows",
        ),
        pytest.param(
            "handling",
            {"own_intent": intent("cancel", 4, content="request"), "cancelled_at": seconds_ago(3)},
            5,
            id="VTEX took its request, so it is looked for",
        ),
        pytest.param(
            "handling",
            {
                "own_intent": intent("cancel", 29, content="request"),
                "cancelled_at": seconds_ago(27),
            },
            3,
            id="for as long as VTEX may take",
        ),
    ],
)
def test_a_cancellation_beside_what_may_have_been_sent(
    status: str, facts: dict[str, Any], expected: object
) -> None:
    assert outcome(judge_cancel(CANCEL, replace(ORDER, status=status), known(**facts))) == expected


@pytest.mark.parametrize(
    ("status", "content"),
    [
        pytest.param("handling", "request", id="a request"),
        pytest.param("cancellation-requested", "confirmation", id="its confirmation"),
    ],
)
def test_a_cancellations_intent_says_which_of_two_calls_it_is(status: str, content: str) -> None:
    verdict = judge_cancel(CANCEL, replace(ORDER, status=status), NOTHING_KNOWN)

    assert isinstance(verdict, Send)
    assert verdict.intent == Intent("cancel", NOW, content=content)


@pytest.mark.parametrize(
    ("changes", "facts", "expected"),
    [
        pytest.param({}, {"own_intent": intent("deny", 4, content="r1")}, 26, id="lost"),
        pytest.param({}, {"own_intent": intent("deny", 30, content="r1")}, Send, id="never came"),
        pytest.param(
            {"cancellation_requests": (CancellationRequest("r1", None, NOW, is_denied=True),)},
            {"own_intent": intent("deny", 4, content="r1")},
            AlreadyInVtex,
            id="VTEX shows the denial",
        ),
        pytest.param(
            {"status": "handling"},
            {"own_intent": intent("deny", 4, content="r1")},
            AlreadyInVtex,
            id="the order is in handling again",
        ),
        pytest.param(
            {},
            {"intents": [intent("cancel", 60, content="request")]},
            NotAllowed,
            id="the request may be our own",
        ),
        pytest.param(
            {"cancellation_requested_by_seller": False},
            {"intents": [intent("cancel", 60, content="request")]},
            Send,
            id="VTEX says that it is not",
        ),
        pytest.param(
            {},
            {"intents": [intent("cancel", 4, content="confirmation")]},
            26,
            id="it may be confirmed",
        ),
        pytest.param({}, {"cancelled_at": seconds_ago(4)}, 26, id="it was confirmed"),
    ],
)
def test_a_denial_beside_what_may_have_been_sent(
    changes: dict[str, Any], facts: dict[str, Any], expected: object
) -> None:
    facts_of_order = {"status": "cancellation-requested", "cancellation_request_id": "r1"}
    order = replace(ORDER, **{**facts_of_order, **changes})

    assert outcome(judge_deny(DENY, order, known(**facts))) == expected
