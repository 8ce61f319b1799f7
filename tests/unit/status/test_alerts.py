"""What is told of a cause, look by look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orders_sync.doctor.findings import Finding, State
from orders_sync.status.alerts import Alert, Rules, follow

BEGAN = datetime(2026, 11, 27, 12, tzinfo=UTC)
RULES = Rules(timedelta(minutes=2), timedelta(hours=12), ("output", "mail"))

PARKED = Finding("shop", "parked orders", State.WARNING, "1: a.b", "look", "a.b")
MORE = Finding("shop", "parked orders", State.WARNING, "9: a.b", "look", "a.b")
OTHER_CAUSE = Finding("shop", "parked orders", State.WARNING, "1: c.d", "look", "c.d")
OTHER_SHOP = Finding("pets", "parked orders", State.WARNING, "1: a.b", "look", "a.b")
LATE = Finding("shop", "orders", State.WARNING, "late")
ERP_DOWN = Finding("shop", "ERP", State.FAILED, "away")
PETS_ERP_DOWN = Finding("pets", "ERP", State.FAILED, "away")
LEDGER_AWAY = Finding("ledger", "reachable", State.FAILED, "away")
BROKER_AWAY = Finding("broker", "reachable", State.FAILED, "away")


class Watcher:
    """Takes in one look a minute; all channels take what they are told."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.alerts: list[Alert] = []
        self.rules = rules
        self.now = BEGAN

    def looks(self, *findings: Finding, minutes: float = 1) -> list[str]:
        self.alerts = follow(self.alerts, findings, self.rules, now=self.now)
        self.now += timedelta(minutes=minutes)
        told = [a for a in self.alerts if a.owed]
        self.alerts = [_all_told(alert) for alert in self.alerts]
        return [f"{a.event} {a.finding.subject} {a.finding.check} {a.finding.says}" for a in told]

    def sees(self, *looks: Sequence[Finding]) -> list[list[str]]:
        return [self.looks(*findings) for findings in looks]


def _all_told(alert: Alert) -> Alert:
    return replace(alert, owed=())


NEEDED = ["needed shop parked orders 1: a.b"]
OVER = ["over shop parked orders 1: a.b"]


def test_a_cause_is_told_once_when_it_lasts_and_once_when_it_is_over() -> None:
    told = Watcher().sees(*[[PARKED]] * 5, *[[]] * 5)

    assert told == [[], [], NEEDED, [], [], [], [], OVER, [], []]


def test_more_of_the_same_is_no_news() -> None:
    assert Watcher().sees([PARKED], [PARKED], [PARKED], [MORE], [MORE]) == [[], [], NEEDED, [], []]


def test_another_cause_and_another_account_are_told_by_themselves() -> None:
    watcher = Watcher()
    watcher.sees(*[[PARKED]] * 3)

    told = watcher.sees(*[[PARKED, OTHER_CAUSE, OTHER_SHOP]] * 3)

    assert [len(messages) for messages in told] == [0, 0, 2]


def test_what_comes_and_goes_at_once_is_not_told() -> None:
    assert Watcher().sees([PARKED], *[[]] * 4, [PARKED], *[[]] * 4) == [[]] * 10


def test_what_comes_and_goes_all_the_time_is_told_once() -> None:
    told = Watcher().sees(*[[PARKED], []] * 20)

    assert [messages for messages in told if messages] == [NEEDED]


def test_what_stays_is_told_again_after_hours() -> None:
    watcher = Watcher()
    watcher.sees(*[[PARKED]] * 3)

    told = [watcher.looks(MORE, minutes=60) for _ in range(25)]

    assert [n for n, messages in enumerate(told) if messages] == [12, 24]
    assert told[12] == ["again shop parked orders 9: a.b"]


def test_what_comes_back_after_it_was_over_is_told_as_new() -> None:
    watcher = Watcher()
    watcher.sees(*[[PARKED]] * 3, *[[]] * 3)

    assert watcher.sees(*[[PARKED]] * 3)[-1] == NEEDED


@pytest.mark.parametrize("away", [LEDGER_AWAY, BROKER_AWAY], ids=lambda f: f.subject)
def test_nothing_is_over_while_a_part_cannot_be_read(away: Finding) -> None:
    watcher = Watcher()
    watcher.sees(*[[PARKED]] * 3)

    told = watcher.sees(*[[away]] * 9, *[[PARKED]] * 5, *[[]] * 4)

    assert [m for m in told if m] == [
        [f"needed {away.subject} reachable away"],
        [f"over {away.subject} reachable away"],
        OVER,
    ]


def test_a_part_that_can_be_read_again_is_over_while_another_cannot() -> None:
    watcher = Watcher()
    watcher.sees(*[[LEDGER_AWAY, BROKER_AWAY]] * 3)

    assert watcher.sees(*[[BROKER_AWAY]] * 3)[-1] == ["over ledger reachable away"]


def test_what_the_true_cause_hides_is_not_over() -> None:
    watcher = Watcher()
    watcher.sees(*[[LATE]] * 3)

    told = watcher.sees(*[[ERP_DOWN]] * 5, *[[LATE]] * 5)

    assert [m for m in told if m] == [["needed shop ERP away"], ["over shop ERP away"]]


def test_the_failure_of_one_account_keeps_nothing_of_another() -> None:
    watcher = Watcher()
    watcher.sees(*[[PARKED]] * 3)

    assert OVER[0] in watcher.sees(*[[PETS_ERP_DOWN]] * 3)[-1]


def test_without_a_time_to_last_everything_is_told_at_once() -> None:
    watcher = Watcher(Rules(timedelta(0), timedelta(hours=1), ("output",)))

    assert watcher.sees([PARKED], []) == [NEEDED, OVER]


def test_an_alert_that_is_over_is_kept_until_it_is_told() -> None:
    rules = Rules(timedelta(0), timedelta(hours=1), ("output",))
    alerts = follow([], [PARKED], rules, now=BEGAN)

    alerts = follow(alerts, [], rules, now=BEGAN)
    [kept] = follow(alerts, [], rules, now=BEGAN + timedelta(hours=9))

    assert kept.is_over
    assert kept.owed == ("output",)


def test_a_message_has_an_id_of_its_own_and_the_same_one_each_time() -> None:
    rules = Rules(timedelta(0), timedelta(hours=1), ("output",))
    [needed] = follow([], [PARKED], rules, now=BEGAN)
    [same] = follow([], [MORE], rules, now=BEGAN)
    [over] = follow([needed], [], rules, now=BEGAN)

    assert needed.message_id == same.message_id != over.message_id


def test_what_a_terminal_would_obey_is_spelt_out() -> None:
    rules = Rules(timedelta(0), timedelta(hours=1), ("output",))
    odd = Finding("shop", "orders", State.WARNING, "\x1b[31m\0")

    [alert] = follow([], [odd], rules, now=BEGAN)

    assert alert.facts()["says"] == "\\x1b[31m\\x00"
