from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from support.office import STORE, Office
from support.parking import CAUSE, ORDER_CAUSE, parked_invoice, parked_order
from support.shop import Shop
from support.turns import leave_poll

from orders_sync.embedded.broker import EmbeddedBroker, free_port
from orders_sync.errors import ErpUnavailable
from orders_sync.settings import load_settings
from orders_sync.status.reading import read_all
from orders_sync.traffic.erp import ErpLimits
from orders_sync.traffic.shared import Shared, connect
from orders_sync.traffic.traffic import Traffic


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    broker = EmbeddedBroker(tmp_path / "broker")
    yield broker.start()
    broker.stop()


@pytest.fixture
def quiet(shop: Shop, broker_url: str) -> Shop:
    """A shop with a broker, whose feed was just polled."""
    shop.environment["ORDERS_SYNC_BROKER_URL"] = broker_url
    leave_poll(shop.ledger, STORE, at=datetime.now(UTC))
    return shop


def answer(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shop.types("status", "--json").stdout)
    return found


def test_nothing_to_do_is_said_in_words(quiet: Shop) -> None:
    output = quiet.prints("status")

    assert output.startswith(f"{STORE}\n  lag        0 s\n  orders     0 in flight\n")
    assert "  breakers   closed\n" in output
    assert re.search(r"  polled     successfully \d+ s ago\n", output)
    assert "calls in the last minute, of " in output
    assert "  strays     0 parked\n" in output
    assert output.endswith("\nNothing needs a person.\n")


def test_what_an_erp_allows_and_asks_for_is_shown_beside_vtexs_budget(
    quiet: Shop, broker_url: str
) -> None:
    quiet.environment[f"ORDERS_SYNC_ACCOUNTS__{STORE.upper()}__ERP_CALLS_PER_MINUTE"] = "60"
    limits = {STORE: ErpLimits(per_minute=60)}
    traffic = Traffic(
        Shared(connect(broker_url)),
        {STORE: 6000},
        processes=1,
        random=random.Random(1),
        erp_limits=limits,
    )
    with closing(traffic):
        with pytest.raises(ErpUnavailable), traffic.guard_erp(STORE, seconds=30):
            raise ErpUnavailable("later", retry_after=300.0)

        output = quiet.prints("status")

    assert re.search(r"  ERP        1 calls in the last minute, of 60; held for .*\n", output)


def test_a_program_reads_everything_and_the_status(
    quiet: Shop, office: Office, broker_url: str
) -> None:
    parked_invoice(office)
    parked_order(office, "a-01")
    office.ledger.orders.look_again(STORE, "b-01", now=datetime.now(UTC))
    with Redis.from_url(broker_url) as redis:
        redis.lpush("orders", "1", "2")
        redis.hset("unacked", "tag", "message")
        redis.lpush("orders_sync.strays", "a stray")
        redis.set("orders_sync.strays.dropped", 5)

    result = quiet.types("status", "--json")

    found = json.loads(result.stdout)
    (account,) = found["accounts"]
    assert result.exit_code == found["status"] == 1
    assert account["orders"] == {"in_flight": 1, "waiting": {}, "parked": {ORDER_CAUSE: 1}}
    assert account["commands"] == {"in_flight": 0, "waiting": {}, "parked": {CAUSE: 1}}
    assert account["budget"]["calls"] == 0
    assert account["polled_at"] <= account["last_successful_poll_at"]
    assert (account["open_breakers"], account["paused_since"]) == ([], None)
    assert (found["queues"]["orders"], found["unacknowledged"]) == (2, 1)
    assert found["strays"] == {"parked": 0, "in_broker": 1, "dropped": 5}
    assert [need["check"] for need in found["needs"]] == ["parked orders", "parked commands"]


def test_each_need_says_what_to_do(quiet: Shop, office: Office) -> None:
    parked_order(office, "a-01")

    result = quiet.types("status")

    assert result.exit_code == 1
    assert f"1: {ORDER_CAUSE} -> orders-sync parked list --account {STORE} --cause" in result.stdout
    assert result.stdout.endswith("1 of 1 need a person.\n")


def test_a_poll_that_failed_hides_none_that_succeeded(quiet: Shop) -> None:
    leave_poll(
        quiet.ledger,
        STORE,
        at=datetime.now(UTC),
        due_in=100,
        succeeded=False,
        failure="Unavailable",
    )

    output = quiet.prints("status")

    assert re.search(
        r"polled     successfully \d+ s ago; tried \d+ s ago, and failed; again in \d+ s\n", output
    )


def test_the_ledger_is_shown_while_the_broker_is_away(quiet: Shop) -> None:
    quiet.environment["ORDERS_SYNC_BROKER_URL"] = f"redis://:topsecret@127.0.0.1:{free_port()}/0"

    result = quiet.types("status", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["accounts"][0]["orders"]["in_flight"] == 0
    assert (found["accounts"][0]["budget"], found["queues"]) == (None, None)
    assert [need["subject"] for need in found["needs"]] == ["broker"]
    assert "topsecret" not in result.output


def test_the_broker_is_shown_while_the_ledger_is_away(quiet: Shop) -> None:
    quiet.environment["ORDERS_SYNC_LEDGER_URL"] = (
        f"postgresql://nobody:topsecret@127.0.0.1:{free_port()}/none"
    )

    result = quiet.types("status", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["accounts"][0]["orders"] is None
    assert found["accounts"][0]["budget"]["calls"] == 0
    assert found["queues"]["orders"] == 0
    assert [need["subject"] for need in found["needs"]] == ["ledger"]
    assert "topsecret" not in result.output


def test_a_shared_redis_that_is_away_is_said(quiet: Shop) -> None:
    quiet.environment["ORDERS_SYNC_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"

    found = answer(quiet)

    assert [need["subject"] for need in found["needs"]] == ["traffic"]
    assert found["queues"]["orders"] == 0


def test_a_part_that_hangs_hides_no_other(quiet: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        for name, value in quiet.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("ORDERS_SYNC_BROKER_URL", f"redis://127.0.0.1:{mute.getsockname()[1]}")
        readings = read_all(load_settings(), clock=lambda: datetime.now(UTC), seconds=1.0)

    assert readings.ledger is not None
    assert readings.broker is None
    assert ("broker", "No answer within 1 s.") in [
        (trouble.subject, trouble.says) for trouble in readings.troubles
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ORDERS_SYNC_POLL_SECONDS": "x"}, id="a wrong setting"),
        pytest.param({"ORDERS_SYNC_LEDGER_URL": "nonsense"}, id="a wrong ledger"),
    ],
)
def test_a_wrong_setting_has_a_status_of_its_own(quiet: Shop, changes: dict[str, str]) -> None:
    quiet.environment |= changes

    assert quiet.types("status").exit_code == 3
