from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orders_sync.doctor.readings import EndpointReading
from orders_sync.doctor.work import judge_endpoints
from orders_sync.ledger.endpoints import Endpoint, OffWhy
from orders_sync.ledger.outbox_log import Backlog

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(
    *,
    off_why: OffWhy | None = None,
    failing_for: timedelta | None = None,
    backlog: Backlog | None = None,
) -> list[str]:
    endpoint = Endpoint(
        "ep_1",
        "https://a.example/",
        None,
        None,
        "whsec_c2VjcmV0",
        NOW,
        off_at=NOW - HOUR if off_why else None,
        off_why=off_why,
        failing_since=NOW - failing_for if failing_for else None,
    )
    reading = EndpointReading([endpoint], {"ep_1": backlog or Backlog()})
    return [finding.says for finding in judge_endpoints(reading, now=NOW)]


@pytest.mark.parametrize(
    ("off_why", "words"), [("gone", "answered 410"), ("failing", "failed for too long")]
)
def test_an_endpoint_that_switched_itself_off_needs_a_person(off_why: OffWhy, words: str) -> None:
    [says] = told(off_why=off_why, backlog=Backlog(3, NOW - HOUR))

    assert words in says
    assert "3 events" in says


def test_one_that_a_person_switched_off_does_not() -> None:
    assert told(off_why="person", backlog=Backlog(3, NOW - HOUR)) == []


def test_an_endpoint_that_fails_for_a_while_does() -> None:
    assert told(failing_for=timedelta(minutes=5)) == []
    assert "takes nothing since" in told(failing_for=HOUR)[0]


def test_events_that_nobody_sends_do() -> None:
    assert told(backlog=Backlog(3, NOW - timedelta(minutes=5))) == []
    assert "3 events wait, the oldest for" in told(backlog=Backlog(3, NOW - HOUR))[0]


def test_events_that_were_given_up_do() -> None:
    assert "2 events were given up" in told(backlog=Backlog(given_up=2))[0]
