"""What a person is told about accounts that may not call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orders_sync.doctor.findings import State
from orders_sync.doctor.traffic import examine_traffic, judge_usage
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.traffic.breaker import BreakerState, Circuit
from orders_sync.traffic.limiter import Used
from orders_sync.traffic.pause import PauseState
from orders_sync.traffic.traffic import Usage

STORE = "mystore"
NOWHERE = "redis://:topsecret@127.0.0.1:1/0"
NOON = 1_795_780_800.0

CALM = Used(calls=90, per_minute=5400, budget=5400, held_seconds=0.0)
CLOSED = BreakerState("get_order", Circuit.CLOSED, calls=20, failures=1, since=None)
OPEN = BreakerState("erp", Circuit.OPEN, calls=20, failures=20, since=NOON)
SICK = BreakerState("invoice", Circuit.CLOSED, 20, 1, None, sick={"host/1": NOON})


def settings(home: Path, **changes: Any) -> Settings:
    account = AccountSettings(app_key="key", app_token="token")
    return Settings(accounts={STORE: account}, home=home, **changes)


@pytest.mark.parametrize(
    ("usage", "state", "words"),
    [
        pytest.param(
            Usage(STORE, CALM, (CLOSED,), None),
            State.OK,
            "90 in the last minute, of 5400 allowed",
            id="calm",
        ),
        pytest.param(
            Usage(STORE, CALM, (), None, (), Used(12, 60, 60, 0.0), 42.0),
            State.OK,
            "90 in the last minute, of 5400 allowed; 12 to the ERP, of 60 allowed; the ERP asked "
            "for a rest of 42 s",
            id="an ERP with limits of its own",
        ),
        pytest.param(
            Usage(STORE, Used(90, 3700, 5400, 29.6), (), None),
            State.OK,
            "VTEX asked for a rest of 30 s",
            id="on hold",
        ),
        pytest.param(
            Usage(STORE, CALM, (OPEN, CLOSED), None),
            State.WARNING,
            "they failed too often: erp",
            id="an open breaker",
        ),
        pytest.param(
            Usage(STORE, CALM, (CLOSED, SICK), None),
            State.FAILED,
            "since 2026-11-27 12:00 UTC calls fail in host/1, and succeed in other processes",
            id="a sick process",
        ),
        pytest.param(
            Usage(STORE, CALM, (OPEN,), PauseState(NOON, "get_feed")),
            State.FAILED,
            "paused since 2026-11-27 12:00 UTC: VTEX refuses its key (get_feed)",
            id="paused",
        ),
        pytest.param(
            Usage(STORE, CALM, (), None, (PauseState(NOON, "invoice"),)),
            State.FAILED,
            "VTEX does not allow its key, and their work waits: invoice",
            id="a missing permission",
        ),
    ],
)
def test_an_account_is_told_in_one_line(usage: Usage, state: State, words: str) -> None:
    finding = judge_usage(usage)

    assert finding.state is state
    assert words in finding.says


def test_a_refused_key_is_rotated_by_a_command_or_by_settings() -> None:
    finding = judge_usage(Usage("other-store", CALM, (), PauseState(NOON, "get_feed")))

    words = (finding.do or "").split(". ")
    assert words[-2].endswith("orders-sync accounts rotate other-store")
    assert "ORDERS_SYNC_ACCOUNTS__OTHER-STORE__APP_KEY" in words[-1]
    assert "restart the workers" in words[-1]


def test_what_is_forbidden_names_the_resources_that_grant_it() -> None:
    groups = tuple(PauseState(NOON, name) for name in ("get_feed", "update_tracking", "invoice"))

    finding = judge_usage(Usage(STORE, CALM, (), None, groups))

    assert "OMS > Feed v3 and Hook Admin" in (finding.do or "")
    assert "OMS > OMS access > Notify invoice" in (finding.do or "")


def test_the_budget_is_read_where_all_processes_keep_it(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    broker.start()

    findings = list(examine_traffic(settings(tmp_path)))

    broker.stop()
    assert [(each.subject, each.state) for each in findings] == [(STORE, State.OK)]


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        pytest.param({}, State.NOT_PROBED, "no broker to share it in", id="no broker"),
        pytest.param(
            {"broker_url": NOWHERE},
            State.NOT_PROBED,
            "the broker is not reachable",
            id="the broker is away",
        ),
        pytest.param(
            {"redis_url": NOWHERE},
            State.FAILED,
            "nothing listens there, so each process keeps to its own part",
            id="its own Redis is away",
        ),
        pytest.param(
            {"broker_url": "redis+socket:///run/redis.sock"},
            State.UNCONFIGURED,
            "ORDERS_SYNC_REDIS_URL is missing",
            id="a broker that cannot keep it",
        ),
    ],
)
def test_where_nothing_is_shared_it_is_said_once(
    changes: dict[str, str], state: State, words: str, tmp_path: Path
) -> None:
    [finding] = examine_traffic(settings(tmp_path, **changes))

    assert finding.state is state
    assert words in finding.says
    assert "topsecret" not in repr(finding)
