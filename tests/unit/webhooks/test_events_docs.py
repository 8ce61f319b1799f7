"""The page of events: it names every event, and its receiver takes what is really sent."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.event_receiver import Receiver
from support.mailroom import Mailroom

from orders_sync.domain.announcements import Announcement, EventType
from orders_sync.ledger.deliveries import PROBED_AFTER
from orders_sync.ledger.outbox import KNOWN_AFTER_SECONDS
from orders_sync.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z.]+)` \|.*\| `(\{.*\})` \|$", PAGE, re.MULTILINE))


def test_the_page_has_every_event_with_an_example() -> None:
    facts = {field.name for field in fields(Announcement)} - {"type", "at", "mark", "account"}

    assert set(ROWS) == set(EventType)
    assert {name for row in ROWS.values() for name in json.loads(row)} <= facts


def test_the_pages_receiver_takes_what_is_sent_and_nothing_else(
    mailroom: Mailroom, receiver: Receiver
) -> None:
    mailroom.clock.now = datetime.fromtimestamp(time.time(), UTC)
    endpoint = mailroom.add(receiver.url)
    mailroom.tell(EventType.ORDER_PLACED)
    mailroom.drain()
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    kept: set[str] = set()
    handled: list[Any] = []

    def remember(event_id: str) -> bool:
        is_new = event_id not in kept
        kept.add(event_id)
        return is_new

    names: dict[str, Any] = {"remember": remember, "handle": handled.append}
    exec(compile(code, "receiver", "exec"), names)  # noqa: S102 - our own page.
    receive: Callable[..., int] = names["receive"]
    headers, body = receiver.headers[0], receiver.bodies[0].encode()

    assert receive(headers, body, endpoint.secret) == 204
    assert receive(headers, body, endpoint.secret) == 204
    assert receive(headers, body + b" ", endpoint.secret) == 401
    assert receive(headers, body, "whsec_b3RoZXI=") == 401
    assert [event["type"] for event in handled] == ["order.placed"]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_the_page_has_the_defaults_of_the_settings() -> None:
    settings = Settings(_env_file=None)
    endpoints, policy = settings.endpoints, settings.retry.events

    assert f"within {endpoints.seconds:g} seconds" in PAGE
    assert f"{endpoints.off_after_hours:g} hours of failures" in PAGE
    assert f"after {endpoints.keep_days} days" in PAGE
    assert (endpoints.at_once, PROBED_AFTER, KNOWN_AFTER_SECONDS) == (4, 5, 2)
    assert (policy.first_seconds, policy.cap_seconds) == (5, 3600)
    assert policy.deadline_seconds == 3 * 86_400
    for name in type(endpoints).model_fields:
        assert f"`ORDERS_SYNC_ENDPOINTS__{name.upper()}" in PAGE
