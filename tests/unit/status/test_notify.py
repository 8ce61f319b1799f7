"""Alerts told to a real target of apprise's, and kept for later in quiet hours."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.event_receiver import Receiver, answer, never, receiving

from orders_sync.doctor.findings import Finding, State
from orders_sync.errors import ConfigurationError
from orders_sync.status.alerts import Alert, QuietHours, Rules, follow
from orders_sync.status.channels import ExecChannel, NotifyChannel, NotTold, OutputChannel
from orders_sync.status.watch import Watch

# Apprise's own: it has a way out where Python has it no longer.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

#: Local time, as quiet hours are.
NOON = datetime(2026, 11, 27, 12).astimezone()
RULES = Rules(timedelta(0), timedelta(hours=24), ("notify 1",))
PARKED = Finding("shop", "parked orders", State.WARNING, "3: a.b", "look", "a.b")
NIGHT = QuietHours(time(22), time(7))

KEEP = "import os, sys; open(sys.argv[1], 'a').write(os.environ['ORDERS_SYNC_ALERT_EVENT'] + ' ')"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def alert() -> Alert:
    [alert] = follow([], [PARKED], RULES, now=NOON)
    return alert


def target(receiver: Receiver, *, seconds: float = 30) -> NotifyChannel:
    return NotifyChannel(1, SecretStr(f"json://127.0.0.1:{receiver.port}/"), seconds=seconds)


def test_a_target_is_told_what_and_what_to_do(receiver: Receiver, alert: Alert) -> None:
    target(receiver).tell(alert)

    [message] = receiver.received
    assert message["title"] == "shop: parked orders (a.b) needs a person"
    assert "says: 3: a.b\ndo: look\n" in message["message"]
    assert message["type"] == "warning"


def test_a_target_that_refuses_is_told_again_later(receiver: Receiver, alert: Alert) -> None:
    receiver.behaviour = answer(500)

    with pytest.raises(NotTold, match="notify 1 took no message"):
        target(receiver).tell(alert)


def test_a_target_that_never_answers_is_given_up(receiver: Receiver, alert: Alert) -> None:
    receiver.behaviour = never(receiver)

    with pytest.raises(NotTold, match="no answer within"):
        target(receiver, seconds=0.1).tell(alert)


def test_a_target_that_apprise_does_not_know_is_refused_without_its_tokens() -> None:
    with pytest.raises(ConfigurationError, match="number 2") as refusal:
        NotifyChannel(2, SecretStr("carrier-pigeon://topsecret/"))

    assert "topsecret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("hours", "at", "is_quiet"),
    [
        (NIGHT, time(22), True),
        (NIGHT, time(3), True),
        (NIGHT, time(7), False),
        (NIGHT, time(12), False),
        (QuietHours(time(12), time(14)), time(13), True),
        (QuietHours(time(12), time(14)), time(14), False),
    ],
)
def test_quiet_hours_may_last_over_midnight(hours: QuietHours, at: time, is_quiet: bool) -> None:
    assert hours.covers(at) is is_quiet


def test_what_comes_in_quiet_hours_is_printed_at_once_and_told_once_they_end(
    tmp_path: Path,
) -> None:
    printed: list[str] = []
    kept = tmp_path / "told"
    watch = Watch(
        tmp_path,
        [
            OutputChannel(printed.append, as_json=False),
            ExecChannel(shlex.join([sys.executable, "-c", KEEP, str(kept)])),
        ],
        lasts=timedelta(0),
        again=timedelta(hours=24),
        complain=printed.append,
        quiet=NIGHT,
    )

    all_told = watch.take_in([PARKED], now=NOON.replace(hour=23))
    at_night = kept.exists()
    watch.take_in([PARKED], now=NOON.replace(day=28, hour=8))

    assert all_told
    assert len(printed) == 1
    assert (at_night, kept.read_text()) == (False, "needed ")
