"""Pauses of accounts, as Redis has them, told to endpoints that want to hear of them."""

from __future__ import annotations

import pytest
from support.event_receiver import Receiver
from support.mailroom import STORE, Mailroom

from orders_sync.traffic.limiter import Used
from orders_sync.traffic.pause import PauseState
from orders_sync.traffic.traffic import Usage
from orders_sync.webhooks.tasks import CALL_FORBIDDEN, KEY_REFUSED, watch_pauses

USED = Used(calls=1, per_minute=60, budget=100, held_seconds=0.0)
STATE = PauseState(since=1.0, cause="get_order")
CALM = Usage(STORE, USED, (), None)
REFUSED = Usage(STORE, USED, (), STATE)
FORBIDDEN = Usage(STORE, USED, (), None, (STATE,))
#: Redis is away.
UNKNOWN = Usage(STORE, None, (), None)


def watch(mailroom: Mailroom, *seen: Usage) -> list[bool]:
    """Look once for each state of the account's traffic."""
    looks = []
    for usage in seen:
        mailroom.clock.advance(5)
        asked = {STORE: usage}
        looks.append(
            watch_pauses(
                [STORE], ledger=mailroom.ledger, usage=asked.__getitem__, clock=mailroom.clock
            )
        )
    mailroom.drain()
    return looks


def test_a_pause_and_its_end_are_told_once_each(mailroom: Mailroom, receiver: Receiver) -> None:
    mailroom.add(receiver.url)

    watch(mailroom, CALM, REFUSED, REFUSED, UNKNOWN, REFUSED, CALM, CALM)

    told = [(event["type"], event["data"]["cause"]) for event in receiver.received]
    assert told == [("account.paused", KEY_REFUSED), ("account.resumed", KEY_REFUSED)]


def test_calls_that_are_forbidden_are_a_pause_too(mailroom: Mailroom, receiver: Receiver) -> None:
    mailroom.add(receiver.url)

    watch(mailroom, FORBIDDEN)

    assert receiver.received[0]["data"]["cause"] == CALL_FORBIDDEN


@pytest.mark.parametrize(
    ("events", "accounts", "is_watched"),
    [
        ((), (), True),
        (("account.resumed",), (), True),
        (("order.parked",), (), False),
        ((), ("another",), False),
    ],
)
def test_what_nobody_wants_to_hear_is_not_looked_for(
    events: tuple[str, ...],
    accounts: tuple[str, ...],
    is_watched: bool,
    mailroom: Mailroom,
    receiver: Receiver,
) -> None:
    mailroom.add(receiver.url, *events, accounts=accounts)

    assert watch(mailroom, CALM) == [is_watched]
