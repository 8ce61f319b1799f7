"""An examination writes nothing: neither at home, nor in a database, nor beside its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.postgres import PostgresServer
from support.traces import contents
from support.turns import leave_poll

from orders_sync.doctor.examination import examine
from orders_sync.doctor.findings import Finding, State
from orders_sync.erp.staging import StagingErp
from orders_sync.ledger import Ledger
from orders_sync.ledger.migrate import upgrade
from orders_sync.private_files import owner_only
from orders_sync.settings import Settings
from orders_sync.settings_parts import AccountSettings
from orders_sync.testing.factories import make_order

STORE = "mystore"
NOWHERE = "http://127.0.0.1:1"


def now() -> datetime:
    return datetime.now(UTC)


def settings_of(home: Path, *, erp_options: dict[str, Any] | None = None, **more: Any) -> Settings:
    account = AccountSettings.model_validate(
        {
            "app_key": "key",
            "app_token": "token",
            "base_url": NOWHERE,
            "erp_options": erp_options or {},
        }
    )
    away = "redis://127.0.0.1:1/0"
    return Settings(accounts={STORE: account}, home=home, broker_url=away, _env_file=None, **more)


def found(settings: Settings) -> dict[tuple[str, str], Finding]:
    findings = examine(lambda: settings, clock=now, made_up_id="doctor-0")
    return {(finding.subject, finding.check): finding for finding in findings}


def use(settings: Settings) -> None:
    """Leave what a shop at work has: a ledger with a poll, and an order in the ERP."""
    options = settings.accounts[STORE].erp_options
    with closing(StagingErp(STORE, options, settings.home)) as erp:
        erp.place_order(make_order())
    upgrade(settings.ledger)
    with closing(Ledger(settings.ledger, lease=timedelta(seconds=60))) as ledger:
        leave_poll(ledger, STORE, at=now())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with owner_only():
        yield tmp_path / "home"


def test_nothing_is_made_where_nothing_is(home: Path) -> None:
    findings = found(settings_of(home))

    assert findings["ledger", "reachable"].state is State.UNCONFIGURED
    assert findings[STORE, "ERP"].state is State.OK
    assert "its first use makes the file" in findings[STORE, "ERP"].says
    assert not home.exists()


def test_a_home_in_use_is_the_same_afterwards(home: Path) -> None:
    home.mkdir()
    settings = settings_of(home)
    use(settings)
    before = contents(home)

    findings = found(settings)

    assert {"erp.sqlite3", "ledger.sqlite3"} <= set(before)
    assert findings["ledger", "tables"].state is State.OK
    assert findings["beat", "alive"].state is State.OK
    assert findings[STORE, "ERP"].says == "the adapter staging reaches it"
    assert contents(home) == before


def test_a_ledger_at_work_is_read_while_others_write(home: Path) -> None:
    home.mkdir()
    settings = settings_of(home)
    use(settings)
    with closing(Ledger(settings.ledger, lease=timedelta(seconds=60))) as ledger:
        ledger.strays.note_dropped(12, now=now())

        findings = found(settings)

    assert findings["ledger", "strays"].says.startswith("12 messages")


#: What a role may do that only reads what is there now.
READER = (
    "DROP ROLE IF EXISTS doctor",
    "CREATE ROLE doctor LOGIN",
    "ALTER ROLE doctor SET default_transaction_read_only = on",
)
SEES = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO doctor"


def as_doctor(url: str) -> str:
    return re.sub(r"//\w+@", "//doctor@", url)


def dump(server: PostgresServer, *databases: str) -> list[str]:
    """Return all that is in the databases, as SQL; the tool's own marks differ each time."""
    texts = map(server.dump, databases)
    return [line for text in texts for line in text.splitlines() if "restrict " not in line]


def test_a_role_that_only_reads_is_told_what_it_lacks(
    home: Path, postgres: PostgresServer, postgres_ledger: str, postgres_database: str
) -> None:
    ledger_url, erp_url = postgres.url(postgres_ledger), postgres.url(postgres_database)
    use(settings_of(home, ledger_url=ledger_url, erp_options={"url": erp_url}))
    for statement in READER:
        postgres.command(statement)
    for url in (ledger_url, erp_url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SEES)
    before = dump(postgres, postgres_ledger, postgres_database)
    settings = settings_of(
        home, ledger_url=as_doctor(ledger_url), erp_options={"url": as_doctor(erp_url)}
    )

    findings = found(settings)

    assert findings["ledger", "tables"].state is State.OK
    assert findings["beat", "alive"].state is State.OK
    assert findings[STORE, "ERP"].state is State.FAILED
    assert "is read-only" in findings[STORE, "ERP"].says
    assert dump(postgres, postgres_ledger, postgres_database) == before
    assert not home.exists()


def test_an_empty_database_stays_empty(
    home: Path, postgres: PostgresServer, postgres_database: str
) -> None:
    url, before = postgres.url(postgres_database), dump(postgres, postgres_database)

    findings = found(settings_of(home, ledger_url=url, erp_options={"url": url}))

    assert findings["ledger", "tables"].state is State.UNCONFIGURED
    assert "its first use makes the tables" in findings[STORE, "ERP"].says
    assert dump(postgres, postgres_database) == before
