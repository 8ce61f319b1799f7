"""The whole examination, of a shop's own sandbox, ledger and embedded broker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from support.ledger_files import make_ledger
from support.turns import leave_poll

from orders_sync.doctor.erp import CHECK as ERP
from orders_sync.doctor.examination import examine
from orders_sync.doctor.findings import Finding, State, exit_status
from orders_sync.doctor.readings import read_broker
from orders_sync.embedded.broker import EmbeddedBroker
from orders_sync.encryption import Cipher, new_key
from orders_sync.errors import ConfigurationError
from orders_sync.ledger import Ledger
from orders_sync.ledger.journal import Act
from orders_sync.private_files import owner_only
from orders_sync.roster import seal_account
from orders_sync.sandbox import Box
from orders_sync.sandbox.server import serving
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings

STORE = "mystore"
TOKEN = "token"
MADE_UP = "doctor-0"
NOWHERE = "http://127.0.0.1:1"

Found = dict[tuple[str, str], Finding]


def now() -> datetime:
    return datetime.now(UTC)


def found(settings: Settings, clock: Callable[[], datetime] = now) -> Found:
    findings = examine(lambda: settings, clock=clock, made_up_id=MADE_UP)
    return {(finding.subject, finding.check): finding for finding in findings}


def troubles(findings: Found) -> dict[tuple[str, str], State]:
    calm = {State.OK, State.NOT_PROBED}
    return {name: finding.state for name, finding in findings.items() if finding.state not in calm}


@pytest.fixture(autouse=True)
def _owner_only() -> Iterator[None]:
    with owner_only():
        yield


@pytest.fixture
def box() -> Box:
    return Box(STORE, seed=1, credentials={"key": TOKEN})


@pytest.fixture
def vtex_url(box: Box) -> Iterator[str]:
    with serving(box) as url:
        yield url


@pytest.fixture
def make(tmp_path: Path, vtex_url: str) -> Callable[..., Settings]:
    """Makes settings whose broker is away, which is quickly seen."""

    def make(*, token: str = TOKEN, base_url: str = vtex_url, **changes: Any) -> Settings:
        account = AccountSettings(app_key="key", app_token=token, base_url=base_url)
        facts: dict[str, Any] = {
            "accounts": {STORE: account},
            "home": tmp_path,
            "broker_url": "redis://127.0.0.1:1/0",
        }
        return Settings(**{**facts, **changes})

    return make


def test_what_stands_is_found_to_stand(make: Callable[..., Settings], tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    settings = make(broker_url=broker.start())
    make_ledger(settings.ledger)
    ledger = Ledger(settings.ledger, lease=timedelta(seconds=60))
    leave_poll(ledger, STORE, at=now())
    ledger.close()

    findings = found(settings)

    broker.stop()
    assert troubles(findings) == {
        ("workers", "alive"): State.FAILED,
        (STORE, "feed configuration"): State.WARNING,
    }
    assert findings["broker", "persistence"].says == "append-only file"
    assert "orders 0" in findings["broker", "queues"].says
    assert findings["beat", "alive"].state is State.OK
    assert f"home folder ({tmp_path})" in findings["capacity", "disk"].says
    assert (settings.broker_url or "") not in repr(findings)


def test_accounts_of_the_ledger_are_examined_too_and_what_cannot_be_read_is_named(
    make: Callable[..., Settings], vtex_url: str
) -> None:
    settings = make(secrets_key=new_key())
    make_ledger(settings.ledger)
    ledger, act = Ledger(settings.ledger, lease=settings.lease), Act(now(), "ana")
    values = {"app_key": "key", "app_token": TOKEN, "base_url": vtex_url}
    for name, key in (("added", settings.secrets_key), ("lost", SecretStr(new_key()))):
        ledger.kept_accounts.keep(seal_account(name, values, Cipher(key)), act, "add")
    ledger.kept_accounts.disable(STORE, act)
    ledger.close()

    findings = found(settings)

    assert findings["added", "credentials"].state is State.OK
    assert findings["added", ERP].state is State.OK
    assert findings["lost", "kept"].state is State.FAILED
    assert "orders-sync accounts set lost" in (findings["lost", "kept"].do or "")
    assert findings[STORE, "enabled"].state is State.NOT_PROBED
    assert (STORE, "credentials") not in findings
    assert "mystore" not in findings["beat", "alive"].says


@pytest.mark.parametrize(
    ("days", "is_told"),
    [pytest.param(1, True, id="lately"), pytest.param(8, False, id="long ago")],
)
def test_strays_that_were_dropped_lately_are_told(
    make: Callable[..., Settings], days: int, is_told: bool
) -> None:
    settings = make()
    make_ledger(settings.ledger)
    ledger = Ledger(settings.ledger, lease=timedelta(seconds=60))
    ledger.strays.note_dropped(12, now=now() - timedelta(days=days))
    ledger.close()

    findings = found(settings)

    told = findings.get(("ledger", "strays"))
    assert (told is not None) is is_told
    assert told is None or (told.state, told.says[:11]) == (State.WARNING, "12 messages")


def test_an_examination_has_no_effect(make: Callable[..., Settings], box: Box) -> None:
    [order_id] = box.create_orders(1)

    found(make())

    assert [call.call for call in box.calls() if call.effect] == []
    assert box.order(order_id).status == "ready-for-handling"
    assert box.feed is None


@pytest.mark.parametrize(
    ("dials", "check", "resource"),
    [
        pytest.param(
            {"forbidden": ["feed_config_get"]},
            "read the feed",
            "Feed v3 and Hook Admin",
            id="the feed",
        ),
        pytest.param({"forbidden": ["list_orders"]}, "list orders", "List Orders", id="the list"),
        pytest.param({"login_page": ["get_order"]}, "read orders", "View order", id="an order"),
        pytest.param(
            {"forbidden": ["start_handling"]},
            "start handling",
            "Change order workflow status",
            id="start handling",
        ),
        pytest.param(
            {"forbidden": ["update_invoice"]}, "invoice and track", "Notify invoice", id="invoices"
        ),
        pytest.param(
            {"forbidden": ["deny_cancellation"]},
            "cancel and deny",
            "Cancel order",
            id="cancellations",
        ),
        pytest.param(
            {"forbidden": ["preview_change"]}, "change orders", "Change order", id="changes"
        ),
    ],
)
def test_a_permission_that_lacks_names_its_resource(
    make: Callable[..., Settings], box: Box, dials: dict[str, Any], check: str, resource: str
) -> None:
    box.dials.turn(dials)

    findings = found(make())

    finding = findings[STORE, check]
    assert finding.state is State.FAILED
    assert resource in (finding.do or "")
    others = [c for s, c in troubles(findings) if s == STORE and c != "feed configuration"]
    assert others == [check]


@pytest.mark.parametrize("dial", ["unavailable", "server_error"])
def test_that_vtex_is_in_trouble_is_said_once(
    make: Callable[..., Settings], box: Box, dial: str
) -> None:
    box.dials.turn({dial: 1.0})

    findings = found(make())

    [finding] = [each for each in findings.values() if each.subject == STORE and each.check != ERP]
    assert (finding.check, finding.state) == ("reachable", State.FAILED)
    assert re.search(r"\(5\d\d\); the permissions were not examined", finding.says)


def test_a_wrong_token_is_said_once(make: Callable[..., Settings]) -> None:
    findings = found(make(token="revoked"))

    assert findings[STORE, "credentials"].state is State.FAILED
    assert findings[STORE, "permissions"].state is State.NOT_PROBED
    assert "revoked" not in repr(findings)


def test_everything_may_be_away_at_once(make: Callable[..., Settings]) -> None:
    settings = make(base_url=NOWHERE, ledger_url="postgresql+psycopg://me:pw@127.0.0.1:1/x")

    findings = found(settings)

    assert troubles(findings) == {
        ("broker", "reachable"): State.FAILED,
        ("ledger", "reachable"): State.FAILED,
        (STORE, "reachable"): State.FAILED,
    }
    assert findings[STORE, "ERP"].state is State.OK
    assert ":pw@" not in repr(findings)


def test_a_ledger_that_was_never_made_is_not_made(make: Callable[..., Settings]) -> None:
    settings = make(base_url=NOWHERE, erp="console")

    findings = found(settings)

    assert findings["ledger", "reachable"].state is State.UNCONFIGURED
    assert "orders-sync db upgrade" in (findings["ledger", "reachable"].do or "")
    assert not (settings.home / "ledger.sqlite3").exists()


def test_an_old_ledger_is_to_be_upgraded(make: Callable[..., Settings]) -> None:
    settings = make(base_url=NOWHERE)
    (settings.home / "ledger.sqlite3").touch()

    finding = found(settings)["ledger", "tables"]

    assert finding.state is State.UNCONFIGURED
    assert "orders-sync db upgrade" in finding.says


def test_a_clock_that_is_off_is_noticed(make: Callable[..., Settings]) -> None:
    findings = found(make(), clock=lambda: now() + timedelta(minutes=1))

    assert findings[STORE, "clock"].state is State.WARNING


def test_without_an_account_the_rest_is_examined(make: Callable[..., Settings]) -> None:
    findings = found(make(accounts={}))

    assert findings["settings", "readable"].state is State.UNCONFIGURED
    assert findings["broker", "reachable"].state is State.FAILED
    assert exit_status(findings.values()) == 3


def test_dangerous_settings_are_named(make: Callable[..., Settings]) -> None:
    finding = found(make(visibility_timeout_seconds=60))["broker", "safety settings"]

    assert finding.state is State.UNCONFIGURED
    assert "ORDERS_SYNC_VISIBILITY_TIMEOUT_SECONDS" in finding.says


def test_wrong_settings_are_the_one_finding() -> None:
    def load() -> Settings:
        raise ConfigurationError("ORDERS_SYNC_HOME is wrong.")

    findings = list(examine(load, clock=now, made_up_id=MADE_UP))

    assert findings[0].says == "ORDERS_SYNC_HOME is wrong."
    assert {finding.state for finding in findings[1:]} == {State.NOT_PROBED}
    assert exit_status(findings) == 3


def test_what_others_may_use_is_named_with_what_closes_it(make: Callable[..., Settings]) -> None:
    settings = make()
    ledger = settings.home / "ledger.sqlite3"
    ledger.touch()
    ledger.chmod(0o640)

    finding = found(settings)["settings", "private"]

    assert finding.state is State.WARNING
    assert str(ledger) in finding.says
    assert finding.do is not None
    assert finding.do.endswith(f"chmod go= -- {ledger}")
    assert ledger.stat().st_mode & 0o777 == 0o640


def test_work_that_waits_for_hours_is_told_by_its_cause(make: Callable[..., Settings]) -> None:
    settings = make(base_url=NOWHERE)
    make_ledger(settings.ledger)
    ledger = Ledger(settings.ledger, lease=timedelta(seconds=60))
    began = now() - timedelta(hours=2)
    for dispatch in ledger.orders.look_again(STORE, "a-01", now=began):
        claim = ledger.orders.claim(STORE, "a-01", dispatch.step, owner="me", now=began)
        assert claim is not None
        ledger.orders.defer(
            claim,
            None,
            due_at=now(),
            cause="vtex.unavailable",
            reason="503",
            counts=True,
            now=began,
        )
    ledger.close()

    findings = found(settings)

    assert findings[STORE, "VTEX"].state is State.FAILED
    assert "for 2 h (vtex.unavailable); in flight: 1 order," in findings[STORE, "VTEX"].says


def test_ticks_that_no_worker_takes_are_no_fault_of_beat(
    make: Callable[..., Settings], tmp_path: Path
) -> None:
    broker = EmbeddedBroker(tmp_path)
    settings = make(broker_url=broker.start())
    make_ledger(settings.ledger)
    with Redis.from_url(settings.broker_url or "") as redis:
        redis.lpush("feed", "a tick")

    state, workers = read_broker(settings)

    broker.stop()
    assert (state.waiting["feed"], list(workers)) == (1, [])


def test_settings_that_are_wrong_are_one_line_and_one_for_the_rest() -> None:
    def load() -> Settings:
        raise ConfigurationError("ORDERS_SYNC_HOME is wrong.")

    first, rest = examine(load, clock=now, made_up_id=MADE_UP)

    assert (first.state, rest.state) == (State.UNCONFIGURED, State.NOT_PROBED)
    assert "the settings are wrong" in rest.says
